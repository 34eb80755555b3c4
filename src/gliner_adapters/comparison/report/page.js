// Tables are sorted by the column whose name is pressed: downwards first, then upwards. Cells without a value go last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const upwards = head.getAttribute("aria-sort") === "descending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
      const sign = upwards ? 1 : -1;
      const rows = [...body.rows].map((row) => [row, row.cells[column]]);
      rows.sort(([, a], [, b]) => {
        const [x, y] = [a.dataset.order, b.dataset.order];
        const empty = (cell, order) => order === undefined && cell.textContent === "";
        if (empty(a, x) || empty(b, y)) return empty(a, x) - empty(b, y);
        if (x === undefined || y === undefined) return sign * a.textContent.localeCompare(b.textContent);
        return sign * (Number(x) - Number(y));
      });
      body.append(...rows.map(([row]) => row));
    });
  });
}
