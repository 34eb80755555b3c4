// Between the two ways to count characters: the server speaks in code points, as Python does, and JavaScript's
// strings in UTF-16 units, of which a supplementary character (an emoji, a mathematical letter) takes two.

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/;

/** The offsets of one text, both ways. */
export class Offsets {
    /** @param {string} text the text */
    constructor(text) {
        this.text = text;
        // Where each code point begins. Most texts need no table: without pairs both counts are the same.
        this.starts = null;
        this.length = text.length;
        if (PAIR.test(text)) {
            this.starts = [];
            for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) {
                this.starts.push(unit);
            }
            this.length = this.starts.length;
        }
    }

    /** The UTF-16 offset of a code point offset. Throws RangeError outside of the text. */
    toUnits(point) {
        if (!Number.isInteger(point) || point < 0 || point > this.length) {
            throw new RangeError(`offset ${point} is outside of a text of ${this.length} characters`);
        }
        if (this.starts === null) return point;
        return point === this.length ? this.text.length : this.starts[point];
    }

    /** The code point offset of a UTF-16 offset; one in the middle of a pair counts as the pair's begin. */
    toPoints(unit) {
        if (this.starts === null) return unit;
        if (unit >= this.text.length) return this.length;
        let low = 0;
        let high = this.starts.length - 1;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (this.starts[middle] <= unit) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /** The text between two code point offsets. */
    slice(start, end) {
        return this.text.slice(this.toUnits(start), this.toUnits(end));
    }

    /** All places of a piece of text, as code point offsets [start, end]; places may overlap. */
    find(piece) {
        const found = [];
        for (let at = this.text.indexOf(piece); piece && at >= 0; at = this.text.indexOf(piece, at + 1)) {
            found.push([this.toPoints(at), this.toPoints(at + piece.length)]);
        }
        return found;
    }
}
