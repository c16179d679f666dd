-- At 1,000 events a second an absolute threshold of 50,000 would analyse a large log every minute, which reads 30,000 pages
-- each time and learns nothing new: after 50,000 events and a twentieth of the table is soon enough. Vacuuming reads only
-- pages that are new since the last time, so its threshold stays absolute, and a little higher.
alter table events set (
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_insert_threshold = 200000
);
