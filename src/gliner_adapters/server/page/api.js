// The server's HTTP interface.

const KEY = "gliner-adapters-key";

/** What the server or the network refused: {status, code, message, retryAfter (seconds or null), requestId}. */
export class ApiError extends Error {
    constructor(message, { status = 0, code = "", retryAfter = null, requestId = null } = {}) {
        super(message);
        Object.assign(this, { status, code, retryAfter, requestId });
    }
}

/** The key that requests carry, kept until the tab closes; null if there is none. */
export const getKey = () => sessionStorage.getItem(KEY);

/** Keep a key; an empty one is forgotten. */
export function setKey(key) {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
}

/** Where a path of the interface lies, seen from the page. */
export const address = (path) => new URL(path, document.baseURI).href;

/** What the base is: {id, architecture, fingerprint, training, limits}. */
export const getBase = () => call("v1/base");

/** The adapters that are there. */
export const getAdapters = async () => (await call("v1/adapters")).adapters;

/** Annotate; the signal aborts it (then an AbortError is thrown). */
export const annotate = (body, signal) => call("v1/annotate", body, signal);

/** How the training stands: {state, data, job, progress, scores}. */
export const getTraining = () => call("v1/training");

/** Keep reviewed documents: {documents, labels, split}. */
export const keepDocuments = (body) => call("v1/training/documents", body);

/** Delete all that was kept. */
export const forgetDocuments = () => call("v1/training/documents", null, undefined, "DELETE");

/** Train an adapter; answers as getTraining does, and so do the next two. */
export const startTraining = (body) => call("v1/training", body);

/** Go on with a training that was interrupted. */
export const resumeTraining = () => call("v1/training/resume", null, undefined, "POST");

/** Cancel a training, or discard one that has ended. */
export const cancelTraining = () => call("v1/training", null, undefined, "DELETE");

async function call(path, body, signal, method = body ? "POST" : "GET") {
    const headers = { Accept: "application/json" };
    if (getKey()) headers.Authorization = `Bearer ${getKey()}`;
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
        const content = body ? JSON.stringify(body) : undefined;
        response = await fetch(address(path), { method, headers, body: content, signal });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError("The server cannot be reached. Is it running?");
    }
    const answer = await response.json().catch((error) => {
        if (error.name === "AbortError") throw error;
        return null;
    });
    if (response.ok && answer !== null) return answer;
    const { code = "", message, request_id: requestId = null } = answer?.error ?? {};
    throw new ApiError(message ?? `The server answered with status ${response.status}.`, {
        status: response.status,
        code,
        retryAfter: seconds(response.headers.get("Retry-After")),
        requestId,
    });
}

/** Retry-After is a number of seconds or a date. */
function seconds(header) {
    if (header === null) return null;
    const wait = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
    return Number.isFinite(wait) ? Math.max(0, Math.ceil(wait)) : null;
}
