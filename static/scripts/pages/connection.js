import { DataElement } from "../elements/data-element.js";
import { copyOf, fill, find } from "../lib/dom.js";

/** More than a proxy lets through that nobody has told otherwise: nginx takes 1 MB. */
const TRIED_BYTES = 2 * 1024 * 1024;
const PATIENCE_MS = 8_000;

/**
 * The checks of the connection to the server: how it sees a request, a websocket, and an upload.
 */
class ConnectionPage extends DataElement {
    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-look-again]"), "click", () => this.load());
    }

    get path() {
        return `/api/connection?${new URLSearchParams({ page: location.origin })}`;
    }

    async show({ data, lines }) {
        this.#show(data);
        const tried = await Promise.all([websocket(lines.websocket), upload(lines.upload)]);
        this.#show([...data, ...tried]);
    }

    #show(checks) {
        const template = find(this, "template");
        this.showList("[data-checks]", checks.map((check) => checkRow(template, check)));
    }
}

function checkRow(template, { name, ok, seen, advice }) {
    const row = copyOf(template);
    fill(row, { name, state: ok ? "OK" : "to change", seen, advice });
    find(row, '[data-field="state"]').dataset.state = ok ? "completed" : "failed";
    return row;
}

/** Open a websocket to the server itself, and hear its first message. */
function websocket(line) {
    return new Promise((resolve) => {
        const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`);
        const end = (ok) => {
            clearTimeout(timer);
            socket.close();
            resolve({ name: "Websocket", ok, seen: ok ? "open" : "refused", advice: ok ? "" : `In the proxy: ${line}` });
        };
        const timer = setTimeout(() => end(false), PATIENCE_MS);
        socket.addEventListener("message", () => end(true));
        socket.addEventListener("error", () => end(false));
    });
}

/** Send as much as no proxy takes by itself. */
async function upload(line) {
    const check = { name: "Upload", ok: true, seen: "2 MB", advice: "" };
    try {
        const answer = await fetch("/api/connection/upload", { method: "POST", body: new Uint8Array(TRIED_BYTES) });
        if (answer.ok) return check;
        const advice = answer.status === 413 ? `In the proxy: ${line}` : "See the log of the proxy.";
        return { ...check, ok: false, seen: `status ${answer.status}`, advice };
    } catch {
        return { ...check, ok: false, seen: "no response", advice: `In the proxy: ${line}` };
    }
}

customElements.define("connection-page", ConnectionPage);
