// What went wrong, on the page, and when to try again.

import { ApiError } from "./api.js";
import { $, counted, h, say } from "./dom.js";

let countdown = 0;

/** Take the message away. */
export function hideError() {
    clearInterval(countdown);
    $("error").hidden = true;
}

/**
 * Say what went wrong.
 *
 * @param {Error} error what the server or the network refused.
 * @param {function} retry does the same again; offered when the server says that it may be.
 * @param {function} enterKey asks for a key; offered where one is missing.
 */
export function showError(error, retry, enterKey) {
    hideError();
    say("");
    const { status, code, retryAfter, requestId } = error instanceof ApiError ? error : new ApiError(error.message);
    const again = h("button", { type: "button", onclick: retry }, "Try again");
    const buttons = [again];
    if (status === 401) buttons.unshift(h("button", { type: "button", onclick: enterKey }, "Enter a key"));
    const wait = h("span", {});
    const origin = [status && `status ${status}`, code, requestId && `request ${requestId}`].filter(Boolean);
    const message = h("p", {}, error.message, " ", wait);
    const row = h("div", { class: "row" }, ...buttons);
    $("error").replaceChildren(message, h("code", {}, origin.join(" · ")), row);
    $("error").hidden = false;
    let left = retryAfter ?? 0;
    const tick = () => {
        again.disabled = left > 0;
        wait.textContent = left > 0 ? `Try again in ${counted(left, "second", "seconds")}.` : "";
        if (left <= 0) clearInterval(countdown);
        left -= 1;
    };
    countdown = setInterval(tick, 1000);
    tick();
}
