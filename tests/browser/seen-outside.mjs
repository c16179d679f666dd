// What whoever is not signed in sees, with what is wrong with a form, and what nobody finds.

import assert from "node:assert/strict";

import { ADA, signIn, signUp, signedUp } from "./lib/account.mjs";
import { keep } from "./lib/promise.mjs";
import { seen } from "./lib/seen.mjs";

await keep(async ({ person }) => {
  await signedUp(await person(), ADA);
  const visitor = await person();
  const page = await visitor.open("/");
  await page.getByText("Events in the log").waitFor();
  await seen(page, "home");

  await page.goto("/signup");
  await seen(page, "signup");
  visitor.expecting(/^console error: .* status of 400 \(Bad Request\) \(.*\/api\/auth\/signup\)$/, { atMost: 1 });
  await signUp(page, { name: " ", email: "ada", password: "short" });
  await page.getByText("Name must not be empty").waitFor();
  const problems = await page.locator(".problem").allTextContents();
  assert.deepEqual(problems, [
    "Name must not be empty",
    "Email must be an email address such as ada@example.com",
    "Password must have at least 8 characters",
  ]);
  assert.equal(await page.getByLabel("Email").inputValue(), "ada");
  await seen(page, "signup-problems");
  visitor.expecting(/^console error: .* status of 409 \(Conflict\) \(.*\/api\/auth\/signup\)$/, { atMost: 1 });
  await signUp(page, ADA);
  await page.getByText("Email belongs to an account already: sign in instead").waitFor();

  await page.goto("/login");
  await seen(page, "login");
  visitor.expecting(/^console error: .* status of 401 \(Unauthorized\) \(.*\/api\/auth\/signin\)$/, { atMost: 1 });
  await signIn(page, { ...ADA, password: "wrong" });
  await page.getByRole("alert").getByText("Invalid email or password.").waitFor();
  await seen(page, "login-problems");

  visitor.expecting(/^console error: .* status of 404 \(Not Found\) \(.*\/nowhere\)$/, { atMost: 1 });
  await page.goto("/nowhere");
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
  await seen(page, "missing");
});
