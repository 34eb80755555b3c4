// The curve of a training: the loss, and how each evaluation on held-out documents went.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480;
const HEIGHT = 120;
/** Room at the edges, so that no line or point is cut. */
const EDGE = 6;

function svg(name, attributes, ...children) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
}

/** The mean of each value and up to `around` neighbours on either side: single steps jump. */
export function smooth(values, around) {
    return values.map((_, index) => {
        const near = values.slice(Math.max(0, index - around), index + around + 1);
        return near.reduce((sum, each) => sum + each, 0) / near.length;
    });
}

/** What the curve says, in words. */
export function inWords({ loss, devel }) {
    const parts = [];
    const values = smooth(loss.map(([, value]) => value), around(loss));
    if (values.length) parts.push(`Loss ${values[0].toPrecision(2)} at first, ${values.at(-1).toPrecision(2)} now`);
    if (devel.length) {
        const best = Math.max(...devel.map((row) => row.macro_f1)).toFixed(3);
        parts.push(`macro F1 on held-out documents ${devel[0].macro_f1.toFixed(3)} at first, ${best} at best`);
    }
    return parts.length ? `${parts.join("; ")}.` : "No step is done yet.";
}

const around = (loss) => Math.floor(loss.length / 30);

/**
 * The curve as a picture.
 *
 * @param progress {loss: [[step, loss]], devel: [{step, macro_f1, best}]}.
 * @param {number} total steps of the whole training, the picture's width.
 */
export function curve({ loss, devel }, total) {
    const x = (step) => EDGE + (step / Math.max(1, total)) * (WIDTH - 2 * EDGE);
    const y = (share) => HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE);
    const values = smooth(loss.map(([, value]) => value), around(loss));
    const most = Math.max(...values, 1e-9);
    const joined = (points) => points.map((each) => each.join(",")).join(" ");
    const line = (name, points) => svg("polyline", { class: name, points: joined(points) });
    const place = (row) => [x(row.step), y(row.macro_f1)];
    const dots = devel.map((row) => {
        const [cx, cy] = place(row);
        return svg("circle", { cx, cy, r: 3.5, class: row.best ? "dot best" : "dot" });
    });
    return svg(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": inWords({ loss, devel }), class: "curve" },
        line("loss", values.map((value, index) => [x(loss[index][0]), y(value / most)])),
        line("score", devel.map(place)),
        ...dots,
    );
}
