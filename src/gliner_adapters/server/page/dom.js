// Making elements. Whatever a person or a server says becomes a text node or an attribute, never markup.

/**
 * An element.
 *
 * @param {string} name its tag.
 * @param {object} properties attributes; true is an empty attribute, false, null and undefined none. A function is a
 *     listener: {onclick: f}.
 * @param {...(Node|string)} children strings become text nodes.
 */
export function h(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (typeof value === "function") element.addEventListener(key.slice("on".length), value);
        else if (value === true) element.setAttribute(key, "");
        else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
}

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Tell everyone, screen readers included, what has happened. */
export function say(message) {
    $("status").textContent = message;
}

/** Number and noun: "1 entity", "3 entities". */
export function counted(number, one, many) {
    return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
