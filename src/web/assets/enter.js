// Sign-up and sign-in, as the API does it. The response sets the session cookie, which no script can read.
import { $ } from "./page.js";
import { open } from "./api.js";
import { enhance } from "./forms.js";

const form = $("form[data-api]");
enhance(form, open, () => location.assign(form.dataset.onward));
