// The page's part of the widget of a run. Everything a user wrote is set as text, never as HTML.
const SVG = "http://www.w3.org/2000/svg";

function make(parent, tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function section(parent, title) {
  const box = make(parent, "div");
  const head = make(box, "h4", "", title);
  const body = make(box, "div");
  box.hidden = true;
  return { box, head, body };
}

function short(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
}

function duration(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function size(bytes) {
  if (bytes === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

function table(parent, columns, rows) {
  const box = make(parent, "table");
  const head = make(box, "tr");
  for (const name of columns) make(head, "th", "", name);
  for (const row of rows) {
    const line = make(box, "tr");
    for (const cell of row) make(line, "td", "", short(cell));
  }
}

function frame(parent, name, value) {
  const box = make(parent, "div", "ry-chart");
  const title = make(box, "div");
  make(title, "span", "", name).title = name;
  make(title, "span", "ry-dim", value);
  return box;
}

function line(parent, name, series) {
  const box = frame(parent, name, short(series.last));
  const points = series.points;
  if (points.length < 2) return;
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  const drawn = document.createElementNS(SVG, "polyline");
  const at = ([x, y]) =>
    `${(2 + (96 * (x - x0)) / (x1 - x0 || 1)).toFixed(2)},${(95 - (90 * (y - y0)) / (y1 - y0 || 1)).toFixed(2)}`;
  drawn.setAttribute("points", points.map(at).join(" "));
  svg.append(drawn);
  box.append(svg);
  const range = make(box, "div", "ry-dim");
  make(range, "span", "", `${short(y0)} to ${short(y1)}`);
  make(range, "span", "", `${series.count} values`);
}

function columnsOf(content) {
  const names = Object.keys(content);
  const length = Math.max(0, ...names.map((name) => content[name].length));
  return [names, Array.from({ length }, (_, row) => names.map((name) => content[name][row]))];
}

function render({ model, el }) {
  const root = make(el, "div", "ry");
  const head = make(root, "div", "ry-head");
  const title = make(head, "b");
  const status = make(head, "span", "ry-status");
  const time = make(head, "span", "ry-dim");
  const cancel = make(head, "button", "", "Cancel");
  const facts = make(root, "div", "ry-facts ry-dim");
  const error = make(root, "div", "ry-error");
  const charts = section(root, "Metrics");
  charts.body.className = "ry-charts";
  const tables = section(root, "Tables");
  const children = section(root, "Children");
  children.body.className = "ry-scroll";
  const log = section(root, "Log");
  const choice = make(log.body, "select");
  const text = make(log.body, "pre");
  const files = section(root, "Files");
  files.body.className = "ry-scroll";

  let unheard = false; // a kernel that executes a cell hears of the button when it has ended
  cancel.onclick = () => {
    cancel.disabled = true;
    cancel.textContent = "Cancelling…";
    model.send({ type: "cancel" });
    setTimeout(() => { unheard = true; show.problem(); }, 3000);
  };
  choice.onchange = () => {
    model.set("selected_log", choice.value);
    model.save_changes();
  };

  const show = {
    summary() {
      const run = model.get("summary");
      title.textContent = run.display_name || run.run_id;
      title.title = run.path || "";
      status.textContent = run.status || "";
      status.dataset.status = run.status || "";
      time.textContent = duration(run.duration_s || 0);
      cancel.hidden = !run.can_cancel || !model.get("live");
      const tags = Object.entries(run.tags || {}).map(([k, v]) => (v ? `${k}=${v}` : k));
      facts.textContent = [
        run.queue,
        run.display_name && run.run_id,
        run.experiment,
        run.target && `on ${run.target}`,
        [run.script, ...(run.arguments || [])].filter(Boolean).join(" "),
        tags.join("  "),
      ].filter(Boolean).join("  ·  ");
      show.problem();
    },
    problem() {
      const run = model.get("summary");
      const failed = run.error || {};
      const busy = unheard && run.can_cancel
        && `The kernel is busy: interrupt the cell that it executes, or type: runyard cancel ${run.run_id}`;
      error.textContent = [busy, model.get("problem"), failed.message, failed.hint].filter(Boolean).join("\n");
      error.hidden = !error.textContent;
    },
    shown_log() {
      const { names = [], name = "", text: content = "" } = model.get("shown_log");
      if (names.join("\n") !== [...choice.options].map((o) => o.value).join("\n")) {
        choice.replaceChildren();
        for (const item of names) make(choice, "option", "", item).value = item;
      }
      choice.value = name;
      const follows = text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
      text.textContent = content;
      log.box.hidden = !names.length;
      if (follows) requestAnimationFrame(() => { text.scrollTop = text.scrollHeight; });
    },
    metrics() {
      const { series = {}, tables: rows = {}, texts = {}, left_out: left = 0 } = model.get("metrics");
      charts.body.replaceChildren();
      for (const [name, content] of Object.entries(series)) line(charts.body, name, content);
      for (const [name, value] of Object.entries(texts)) frame(charts.body, name, value);
      for (const [name, address] of Object.entries(model.get("images"))) {
        const box = frame(charts.body, name, address ? "" : "too large, or no image");
        if (address) make(box, "img").src = address;
      }
      charts.head.textContent = left ? `Metrics (values of further names: ${left})` : "Metrics";
      charts.box.hidden = !charts.body.childElementCount;
      tables.body.replaceChildren();
      for (const [name, content] of Object.entries(rows)) {
        make(tables.body, "div", "ry-dim", name);
        table(tables.body, ...columnsOf(content));
      }
      tables.box.hidden = !tables.body.childElementCount;
    },
    children() {
      const { rows = [], count = 0 } = model.get("children");
      const names = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))].slice(0, 6);
      children.head.textContent = `Children (${count})`;
      children.body.replaceChildren();
      table(children.body, ["run", "status", "time", ...names], rows.map((row) => [
        row.display_name || row.run_id,
        row.status,
        duration(row.duration_s),
        ...names.map((name) => row.metrics[name]),
      ]));
      children.box.hidden = !count;
    },
    files() {
      const { names = [], count = 0 } = model.get("files");
      files.head.textContent = `Files (${count})`;
      files.body.replaceChildren();
      table(files.body, ["name", "size"], names.map(([name, bytes]) => [name, size(bytes)]));
      files.box.hidden = !count;
    },
  };
  show.images = show.metrics;
  show.live = show.summary;
  for (const [name, update] of Object.entries(show)) model.on(`change:${name}`, update);
  for (const update of new Set(Object.values(show))) update();
  return () => {
    for (const [name, update] of Object.entries(show)) model.off(`change:${name}`, update);
  };
}

export default { render };
