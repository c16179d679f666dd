//! Moves in the manual order.

use super::*;

#[test]
fn a_task_moves_beside_another_without_moving_that() {
    let moved = |from: u8, to: &str, previous| {
        let to = crate::tasks::values::Position::parse(to).unwrap();
        let before = Fields { position: Some(position(from)), ..Fields::default() };
        let after = Fields { position: Some(to), ..Fields::default() };
        (before, after, previous)
    };
    let (before, after, previous) = moved(1, "hzzzzzzz", 2);
    given::<TaskList>(both())
        .when(one(relocate(BREAD, Destination::Before(id(MILK)))))
        .then([changed(BREAD, before, after, previous, on(2, 2))]);
    let (before, after, previous) = moved(0, "i0000002", 1);
    given::<TaskList>(both())
        .when(one(relocate(MILK, Destination::After(id(BREAD)))))
        .then([changed(MILK, before, after, previous, on(2, 2))]);
}

#[test]
fn a_task_that_stands_there_already_does_not_move() {
    for (task, place) in [
        (MILK, Destination::Before(id(BREAD))),
        (BREAD, Destination::After(id(MILK))),
        (MILK, Destination::After(id(MILK))),
    ] {
        given::<TaskList>(both()).when(one(relocate(task, place))).then([]);
    }
}

#[test]
fn when_a_gap_is_full_its_neighbours_make_room_and_the_order_is_kept() {
    let mut state = State::default();
    for number in 1..=40 {
        state = carry_out(state, creation(number, "milk")).0;
    }
    let mut expected: Vec<u128> = (1..=40).collect();
    for round in 0..400_u128 {
        // The last task goes behind the first one, again and again.
        let last = *expected.last().unwrap();
        let action = relocate(last, Destination::After(id(1)));
        let (next, events) = carry_out(state, one(action));
        state = next;
        expected.rotate_right(1);
        expected.swap(0, 1);
        assert_eq!(in_order(&state), expected, "round {round}");
        assert!(events.len() <= 34, "{} tasks had to move", events.len());
    }
}
