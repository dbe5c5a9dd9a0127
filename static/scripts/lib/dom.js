/**
 * Fill in markup that the server has rendered. Data from scanners is inserted as text, never as markup.
 */

import { ago, instant } from "./format.js";

/**
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {Element}
 * @throws {Error} the template and the script do not fit together
 */
export function find(root, selector) {
    const found = root.querySelector(selector);
    if (found === null) throw new Error(`Nothing matches ${selector}.`);
    return found;
}

/**
 * @param {HTMLTemplateElement} template with one element in it
 * @returns {HTMLElement} a copy of that element
 */
export function copyOf(template) {
    return template.content.firstElementChild.cloneNode(true);
}

/**
 * Put texts into the elements marked `data-field="name"`.
 *
 * @param {ParentNode} root
 * @param {Record<string, string>} texts
 */
export function fill(root, texts) {
    for (const [name, text] of Object.entries(texts)) setText(find(root, `[data-field="${name}"]`), text);
}

/**
 * Changes the page only if the text is different, so that live regions do not repeat themselves.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/**
 * Fill a list with texts, if they have changed.
 *
 * @param {HTMLUListElement} list
 * @param {string[]} texts
 */
export function setItems(list, texts) {
    const before = Array.from(list.children, (item) => item.textContent);
    if (before.length === texts.length && before.every((text, index) => text === texts[index])) return;
    list.replaceChildren(
        ...texts.map((text) => {
            const item = document.createElement("li");
            setText(item, text);
            return item;
        }),
    );
}

/**
 * @param {Function} action
 * @param {number} ms
 * @returns {Function} calls `action` once it has not been called for `ms`
 */
export function debounced(action, ms) {
    let timer;
    return (...details) => {
        clearTimeout(timer);
        timer = setTimeout(() => action(...details), ms);
    };
}

/**
 * A row of a table: a heading, then cells with numbers.
 *
 * @param {string | Node} heading
 * @param {string[]} numbers
 * @returns {HTMLTableRowElement}
 */
export function numbersRow(heading, numbers) {
    const row = document.createElement("tr");
    const first = document.createElement("th");
    first.scope = "row";
    first.append(heading);
    row.append(
        first,
        ...numbers.map((text) => {
            const cell = document.createElement("td");
            cell.className = "number";
            setText(cell, text);
            return cell;
        }),
    );
    return row;
}

/**
 * @param {string} address
 * @param {string} text
 * @returns {HTMLAnchorElement}
 */
export function linkTo(address, text) {
    const link = document.createElement("a");
    link.href = address;
    setText(link, text);
    return link;
}

/**
 * Show an instant as how long ago it was, with the full date and time as a tooltip.
 *
 * @param {HTMLTimeElement} element
 * @param {number} ms since the epoch
 */
export function showTime(element, ms) {
    element.dateTime = new Date(ms).toISOString();
    element.title = instant(ms);
    setText(element, ago(ms));
}
