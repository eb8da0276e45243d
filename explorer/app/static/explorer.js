/* The page's own widgets: chart cards, layer tables, the address bar. Each is called once by its gr.HTML component with
   (element, props, watch, trigger); `props.value` is a JSON string made by explorer/app/widgets.py. */
(function () {
  "use strict";
  if (window.explorer) return;

  // Gradio's <base> says what is so anyway, and makes Plotly write its hatches and clips as whole addresses: they would
  // be lost at the next change of the address bar.
  const base = document.querySelector('base[href="./"]');
  if (base) base.remove();

  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "text") node.textContent = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };
  const parse = (value) => { try { return value ? JSON.parse(value) : null; } catch (error) { return null; } };
  const cssVariable = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  /* ---------------------------------------------------------------- saving */
  const csvCell = (value) => {
    const cell = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell;
  };
  const save = (name, content, type) => {
    const link = el("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const asCsv = (titles, rows) =>
    "\ufeff" + [titles, ...rows].map((row) => row.map(csvCell).join(",")).join("\n") + "\n";
  const asMarkdown = (titles, rows) => {
    const line = (cells) =>
      "| " + cells.map((cell) => (cell ?? "").toString().replaceAll("|", "\\|")).join(" | ") + " |";
    return [line(titles), line(titles.map(() => "---")), ...rows.map(line)].join("\n") + "\n";
  };

  /* ---------------------------------------------------------------- charts */
  const themed = (layout) => {
    const ink = cssVariable("--body-text-color") || "#24292f";
    return {
      ...layout,
      autosize: true,
      uirevision: layout.uirevision || "kept",
      font: { ...(layout.font || {}), color: ink },
      hoverlabel: {
        bgcolor: cssVariable("--background-fill-primary") || "#fff",
        bordercolor: cssVariable("--border-color-primary") || "#999",
        font: { color: ink },
      },
    };
  };
  // Dark shades of a colour, for deep nets, are lost on the dark page: they are lightened until they show.
  const light = (colour) => {
    const linear = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const lighter = (colour) => "#" + [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
    .map((v) => Math.round(v + (255 - v) * 0.12).toString(16).padStart(2, "0")).join("");
  const readable = (colour) => {
    if (!/^#[0-9a-f]{6}$/i.test(colour || "")) return colour;
    for (let tries = 0; tries < 12 && light(colour) < 0.14; tries += 1) colour = lighter(colour);
    return colour;
  };
  const isDark = () => document.body.classList.contains("dark");
  const lightened = (trace) => {
    const changed = { ...trace };
    for (const part of ["line", "marker"])
      if (trace[part] && typeof trace[part].color === "string")
        changed[part] = { ...trace[part], color: readable(trace[part].color) };
    return changed;
  };
  const forTheme = (data) => (isDark() ? data.map(lightened) : data);
  const labelled = (layout) => layout.annotations && layout.annotations.map((label) => ({
    ...label,
    bgcolor: isDark() ? "rgba(20, 23, 28, 0.7)" : "rgba(255, 255, 255, 0.7)",
    text: isDark() ? label.text.replace(/color:(#[0-9a-f]{6})/gi, (_, colour) => "color:" + readable(colour)) : label.text,
  }));
  const config = { displaylogo: false, responsive: true, displayModeBar: "hover" };

  const dataTable = (table) => {
    const head = el("tr", {}, ...table.titles.map((title) => el("th", { scope: "col", text: title })));
    const body = table.rows.map((row) =>
      el("tr", {}, ...row.map((cell) => el("td", {
        text: cell ?? "", class: typeof cell === "number" ? "number" : null }))));
    return el("table", { class: "plain" }, el("thead", {}, head), el("tbody", {}, ...body));
  };

  // A growth adds points to the chart that is there: see chart_growth in explorer/app/widgets.py.
  const grown = (card, growth) => {
    if (!card || card.key !== growth.grows) return null;
    const data = card.figure.data.map((trace, index) => {
      const added = growth.traces[index];
      const longer = {};
      for (const name of Object.keys(added)) longer[name] = (trace[name] || []).concat(added[name]);
      return { ...trace, ...longer };
    });
    const layout = { ...card.figure.layout, ...growth.layout };
    const table = card.table && { ...card.table, rows: card.table.rows.concat(growth.rows) };
    return { ...card, caption: growth.caption, figure: { data, layout }, table };
  };
  const charts = {};

  const chart = (element, props, watch, trigger, asks) => {
    const host = element.querySelector(".chart-card");
    const plot = el("div", { class: "plot" });
    const caption = el("figcaption", { "aria-live": "polite" });
    const summary = el("summary", {});
    const holder = el("div", { class: "scroll" });
    const download = el("button", { type: "button", class: "small" });
    const details = el("details", {}, summary, el("div", { class: "tools" }, download), holder);
    host.replaceChildren(plot, caption, details);
    let card = null;
    let tableDrawn = false;
    const fill = () => {
      if (tableDrawn || !card || !card.table) return;
      holder.replaceChildren(dataTable(card.table));
      tableDrawn = true;
    };
    details.addEventListener("toggle", () => details.open && fill());
    download.addEventListener("click", () =>
      card && card.table && save(card.name + ".csv", asCsv(card.table.titles, card.table.rows), "text/csv"));
    const take = () => {
      const next = parse(props.value);
      card = next && next.grows ? grown(card, next) : next;
      return draw();
    };
    const draw = async () => {
      if (!card) { host.hidden = !asks; return; }
      host.hidden = false;
      tableDrawn = false;
      if (caption.textContent !== (card.caption || "")) caption.textContent = card.caption || "";
      details.hidden = !card.table;
      summary.textContent = card.words.data;
      download.textContent = card.words.csv;
      if (details.open) fill();
      // On a phone the legend takes lines of its own: give the plot their height.
      const narrow = host.offsetWidth > 0 && host.offsetWidth < 500;
      const layout = themed(card.figure.layout);
      const square = layout.meta && layout.meta.square; // a picture: as high as it is wide, and its margins
      const tiles = layout.meta && layout.meta.tiles; // pictures side by side: as high as they are in this width
      if (tiles && host.offsetWidth) layout.height = Math.min(layout.height, tiles[0] * (host.offsetWidth - 16) + tiles[1]);
      else if (square && host.offsetWidth) layout.height = Math.min(layout.height, host.offsetWidth - 70 + square);
      else layout.height = (layout.height || 320) + (narrow ? 14 * Math.min(6, card.figure.data.length) : 0);
      const grid = layout.meta && layout.meta.grid; // panels of tiles: as high as they are in this width, too
      if (grid && host.offsetWidth) {
        const [shape, count] = grid;
        const margin = { l: 64, r: 16, t: 28, b: 48, ...layout.margin };
        const across = host.offsetWidth - 24 - margin.l - margin.r;
        const high = shape * (narrow || count === 1 ? across : 0.46 * across);
        const between = 100; // px: names of the axis below and of the next panel
        const plot = narrow && count === 2 ? 2 * high + between : high;
        if (narrow && count === 2) {
          for (const [key, domain] of [["", [1 - high / plot, 1]], ["2", [0, high / plot]]]) {
            layout["xaxis" + key] = { ...layout["xaxis" + key], domain: [0, 1] };
            layout["yaxis" + key] = { ...layout["yaxis" + key], domain };
          }
        }
        const whole = plot + margin.t + margin.b;
        layout.height = narrow ? whole + 20 : Math.min(layout.height, whole); // a name of the axis in two lines
      }
      const strip = layout.meta && layout.meta.strip; // a strip of tiles above lines: [its shape, where it begins]
      if (strip && narrow) { // what is below it keeps its height
        const [shape, begins] = strip;
        const margins = 80;
        const before = layout.height - margins;
        const after = begins * before + shape * (host.offsetWidth - 24 - 80);
        const scale = Math.max(1, before / after);
        layout.yaxis = { ...layout.yaxis, domain: [begins * scale, 1] };
        layout.yaxis2 = { ...layout.yaxis2, domain: layout.yaxis2.domain.map((end) => end * scale) };
        const bar = layout.coloraxis.colorbar;
        layout.coloraxis = { ...layout.coloraxis, colorbar: { ...bar, y: bar.y * scale } };
        layout.legend = { ...layout.legend, y: layout.legend.y * scale };
        layout.height = before / scale + margins;
      }
      if (narrow) layout.font = { ...layout.font, size: 11 };
      if (layout.meta && layout.meta.labels) layout.annotations = labelled(layout);
      if (narrow && layout.meta && layout.meta.labels) { // no room for names at the curves' ends: a legend instead
        layout.annotations = [];
        layout.showlegend = true;
        layout.margin = { ...layout.margin, l: 48, r: 10 };
      }
      if (narrow && layout.meta && layout.meta.panels === 2) { // two charts side by side: one below the other
        const each = (1 - (layout.meta.between || 0.12)) / 2;
        for (const [key, domain] of [["", [1 - each, 1]], ["2", [0, each]]]) {
          layout["xaxis" + key] = { ...layout["xaxis" + key], domain: [0, 1] };
          layout["yaxis" + key] = { ...layout["yaxis" + key], domain, showticklabels: true };
          const scene = "scene" + key; // or two surfaces, whose names stand where the paper says
          if (layout[scene]) layout[scene] = { ...layout[scene], domain: { x: [0, 1], y: domain } };
        }
        if (layout.scene2) layout.annotations = layout.annotations.map((name, at) => ({ ...name, x: 0, y: at ? 0.46 : 1 }));
        layout.height *= 1.5;
      } else if (narrow && layout.meta && layout.meta.panels > 2) { // small charts side by side: two rows of them
        for (let index = 0; index < layout.meta.panels; index += 1) {
          const key = index ? index + 1 : "";
          const left = (index % 2) / 2, low = index < 2 ? 0.62 : 0;
          layout["xaxis" + key] = { ...layout["xaxis" + key], domain: [left + 0.03, left + 0.47] };
          layout["yaxis" + key] = { ...layout["yaxis" + key], domain: [low, low + 0.36] };
        }
        layout.height *= 1.8;
      }
      for (const key of ["scene", "scene2"]) { // a surface goes away until its axes' names, too, are in its panel
        if (!layout[key] || !host.offsetWidth) continue;
        const { domain, camera } = layout[key];
        const wide = (domain.x[1] - domain.x[0]) * (host.offsetWidth - 16);
        const high = (domain.y[1] - domain.y[0]) * (layout.height - layout.margin.t);
        const away = Math.max(1, high / Math.max(60, wide - 85));
        const eye = Object.fromEntries(Object.entries(camera.eye).map(([axis, at]) => [axis, at * away]));
        layout[key] = { ...layout[key], camera: { ...camera, eye } };
      }
      if (narrow) { // a long name of the lower axis would run out of the picture: it goes on below
        for (const key of Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key))) {
          const title = layout[key].title, said = title && title.text;
          if (!said || said.length < 34 || said.includes("<br>")) continue;
          const parts = said.replace(/(, | \()/g, (mark) => (mark === ", " ? ",\n" : "\n(")).split("\n");
          layout[key] = { ...layout[key], title: { ...title, text: parts.join("<br>") } };
        }
      }
      const least = layout.meta && layout.meta.least_px; // narrower it cannot be read: it scrolls instead
      plot.style.minWidth = least ? least + "px" : "";
      plot.style.height = layout.height + "px";
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", card.caption || card.name);
      const first = !plot.dataset.drawn;
      const bar = narrow ? false : "hover"; // on a phone it would lie over the plot for good
      await Plotly.react(plot, forTheme(card.figure.data), layout, { ...config, displayModeBar: bar });
      if (first) {
        plot.dataset.drawn = "yes";
        plot.on("plotly_click", (event) => {
          const point = event.points[0];
          window.explorer.clicked = point.x + "," + point.y;
          trigger("select");
        });
        if (layout.meta && layout.meta.keys) { // a picture of units: arrows step from one to the next
          plot.tabIndex = 0;
          plot.setAttribute("role", "application");
          plot.addEventListener("keydown", (event) => {
            const step = { ArrowLeft: "-1,0", ArrowRight: "1,0", ArrowUp: "0,-1", ArrowDown: "0,1" }[event.key];
            if (!step) return;
            event.preventDefault();
            window.explorer.clicked = "+" + step;
            trigger("select");
          });
        }
      }
      window.explorer.drawn += 1;
    };
    const block = element.closest(".block.explorer-chart");
    if (block) charts[block.id] = () => card && card.key && {
      key: card.key,
      counts: card.figure.data.map((trace) => (trace.x || []).length),
      ends: card.figure.data.map((trace) => (trace.x && trace.x.length ? [trace.x.at(-1), trace.y.at(-1)] : null)),
      rows: card.table ? card.table.rows.length : 0,
    };
    take();
    if (asks && !card) { // for what to show, when it is about to be seen: what is above it comes first
      const asking = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        asking.disconnect();
        if (!card) trigger("submit");
      }, { rootMargin: "200px" });
      asking.observe(host);
    }
    watch("value", take);
    new MutationObserver(() => card && draw()).observe(document.body, { attributeFilter: ["class"] });
    new ResizeObserver(() => plot.dataset.drawn && plot.offsetWidth && Plotly.Plots.resize(plot)).observe(host);
  };

  /* ---------------------------------------------------------------- looking again while something goes on */
  const pulses = {};
  const pulse = (props, watch, trigger, [id, seen, chartId]) => {
    let timer = null;
    let wanted = false; // there is something new to ask for, and nobody sees the answer yet
    let before = null;
    const current = () => parse(props.value) || { run: "", every: 0, revision: [] };
    const place = () => document.getElementById(seen);
    const visible = () => !document.hidden && place() && place().offsetParent !== null;
    const look = () => {
      wanted = !visible();
      if (!wanted) trigger("submit");
    };
    const follow = () => {
      if (!props.value) return;
      const { every, revision, run } = current();
      clearInterval(timer);
      timer = every ? setInterval(look, every) : null;
      if (!revision.length) look();
      else { // an answer; another run is shown at the top, wherever it was started from
        if (before !== null && run && run !== before) document.getElementById("tabs").scrollIntoView({ block: "start" });
        before = run;
      }
    };
    pulses[id] = { current, held: () => ({ revision: current().revision, chart: charts[chartId] ? charts[chartId]() : null }) };
    watch("value", follow);
    follow();
    const seenAgain = () => (wanted || timer) && visible() && look();
    document.addEventListener("visibilitychange", seenAgain);
    const observed = setInterval(() => { // its part of the page may be built after it
      if (!place()) return;
      clearInterval(observed);
      new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && wanted && seenAgain())
        .observe(place());
    }, 100);
  };
  const asker = (trigger, id) => setInterval(() => {
    const again = document.querySelector(`[data-again="${id}"]`);
    if (again && again.offsetParent !== null && !document.hidden) trigger("submit");
  }, 1500);
  const held = (id) => JSON.stringify(pulses[id] ? pulses[id].held() : {});
  const shown = (id) => (pulses[id] ? pulses[id].current().run : "");

  /* ---------------------------------------------------------------- who is here */
  // A random token in a cookie, for "yours" on a machine that several people share. It says nothing about anybody.
  let token = ""; // where cookies are blocked, as in a frame of another site, it lasts as long as the page
  const owner = () => {
    try {
      const found = document.cookie.match(/(?:^|; )explorer_owner=([0-9a-f]{32})/);
      if (found) token = found[1];
    } catch { /* a frame that may not ask */ }
    token = token || Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    try {
      document.cookie = "explorer_owner=" + token + "; path=/; max-age=31536000; samesite=lax";
    } catch { /* nor keep it */ }
    return token;
  };

  /* ---------------------------------------------------------------- layer tables */
  const layers = (element, props, watch) => {
    const host = element.querySelector(".layers");
    const search = el("input", { type: "search", class: "search" });
    const unfold = el("button", { type: "button", class: "small" });
    const csv = el("button", { type: "button", class: "small" });
    const markdown = el("button", { type: "button", class: "small" });
    const status = el("span", { class: "status", role: "status" });
    const headRow = el("tr", {});
    const body = el("tbody", {});
    const table = el("table", { class: "layer-table" }, el("thead", {}, headRow), body);
    host.replaceChildren(
      el("div", { class: "tools" }, search, unfold, csv, markdown, status),
      el("div", { class: "scroll", tabindex: "0", role: "region" }, table));
    let data = null;
    let open = new Set();
    let order = null; // {column, down}

    const raw = (cell) => (Array.isArray(cell) ? cell[1] : cell);
    const shown = (cell) => (Array.isArray(cell) ? cell[0] : cell ?? "");
    const cells = (row, extra) => row.cells.map((cell, index) => {
      const column = data.columns[index];
      const node = el("td", {
        class: column.align, title: Array.isArray(cell) && cell.length > 2 ? cell[2] : null, text: shown(cell) });
      if (index === 0 && extra) node.prepend(extra);
      if (row.marks && row.marks.includes(index)) node.classList.add("differs");
      return node;
    });
    const render = () => {
      const needle = search.value.trim().toLowerCase();
      const matches = (row) => !needle || row.cells.some((cell) => String(shown(cell)).toLowerCase().includes(needle));
      const lines = [];
      if (order) {
        const sorted = data.rows.filter(matches).sort((a, b) => {
          const x = raw(a.cells[order.column]), y = raw(b.cells[order.column]);
          if (x === null || x === undefined) return 1;
          if (y === null || y === undefined) return -1;
          const ascending = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
          return order.down ? -ascending : ascending;
        });
        lines.push(...sorted.map((row) => el("tr", { class: "op-" + row.op }, ...cells(row))));
      } else {
        let current = null;
        data.rows.forEach((row) => {
          const block = row.block === null ? null : data.blocks[row.block];
          if (block === null) {
            if (matches(row)) lines.push(el("tr", { class: "op-" + row.op }, ...cells(row)));
            return;
          }
          const unfolded = open.has(block.path) || needle;
          if (!needle && current !== block.path) {
            const toggle = el("button", {
              type: "button", class: "fold", "aria-expanded": String(Boolean(unfolded)),
              "aria-label": block.path, text: unfolded ? "▾" : "▸" });
            const line = el("tr", { class: "block" }, ...cells(block, toggle));
            line.addEventListener("click", () => {
              open.has(block.path) ? open.delete(block.path) : open.add(block.path);
              render();
            });
            lines.push(line);
          }
          current = block.path;
          if (unfolded && matches(row)) lines.push(el("tr", { class: "inner op-" + row.op }, ...cells(row)));
        });
      }
      if (data.total && !needle) lines.push(el("tr", { class: "total" }, ...cells(data.total)));
      const focused = document.activeElement;
      const place = table.contains(focused) && (focused.getAttribute("aria-label") || focused.dataset.column);
      body.replaceChildren(...lines);
      const found = needle ? data.rows.filter(matches).length : data.rows.length;
      status.textContent = data.words.count.replace("{count}", found);
      const all = data.blocks.length > 0 && data.blocks.every((block) => open.has(block.path));
      unfold.textContent = all ? data.words.fold : data.words.unfold;
      unfold.hidden = data.blocks.length === 0;
      unfold.dataset.all = all ? "yes" : "";
      headRow.replaceChildren(...data.columns.map((column, index) => {
        const sorting = order && order.column === index ? (order.down ? "descending" : "ascending") : "none";
        const arrow = { none: "", ascending: " ↑", descending: " ↓" }[sorting];
        return el("th", { scope: "col", class: column.align, "aria-sort": sorting, title: column.hint },
          el("button", {
            type: "button", text: column.title + arrow, "data-column": "column " + index,
            onclick: () => {
              if (!order || order.column !== index) order = { column: index, down: column.align === "number" };
              else if (order.down === (column.align === "number")) order = { column: index, down: !order.down };
              else order = null;
              render();
            } }));
      }));
      if (place) { // the button that was pressed was drawn anew
        const again = [...table.querySelectorAll("button")].find(
          (button) => button.getAttribute("aria-label") === place || button.dataset.column === place);
        if (again) again.focus();
      }
    };
    const plainRows = () => data.rows.map((row) => row.cells.map(raw));
    const titles = () => data.columns.map((column) => column.title);
    search.addEventListener("input", render);
    unfold.addEventListener("click", () => {
      open = unfold.dataset.all ? new Set() : new Set(data.blocks.map((block) => block.path));
      render();
    });
    csv.addEventListener("click", () => save(data.name + ".csv", asCsv(titles(), plainRows()), "text/csv"));
    markdown.addEventListener("click", () =>
      save(data.name + ".md", asMarkdown(titles(), data.rows.map((row) => row.cells.map(shown))), "text/markdown"));
    const draw = () => {
      const next = parse(props.value);
      if (!next) return;
      if (data && next.name !== data.name) { open = new Set(); }
      data = next;
      search.placeholder = data.words.search;
      search.setAttribute("aria-label", data.words.search);
      table.parentElement.setAttribute("aria-label", data.words.table);
      csv.textContent = data.words.csv;
      markdown.textContent = data.words.markdown;
      render();
    };
    draw();
    watch("value", draw);
  };

  /* ---------------------------------------------------------------- the table of runs */
  let runsData = null;
  const pickedRuns = () => runsData.rows.filter((row) => runsData.picked.includes(row.id));
  const runs = (element, props, watch, trigger) => {
    const host = element.querySelector(".runs");
    let order = null; // {column, down}
    const tell = () => {
      window.explorer.picked = runsData.picked.join(",");
      trigger("select");
    };
    const tick = (label, checked, change) => el("input", {
      type: "checkbox", "aria-label": label, checked: checked ? "checked" : null, onchange: change });
    const draw = () => {
      const next = parse(props.value);
      host.hidden = !next;
      if (!next) return;
      runsData = next;
      render();
    };
    const render = () => {
      const { columns, words } = runsData;
      const rows = [...runsData.rows];
      if (order) rows.sort((a, b) => {
        const x = a.cells[order.column][1], y = b.cells[order.column][1];
        if (x === null) return 1;
        if (y === null) return -1;
        const ascending = typeof x === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
        return order.down ? -ascending : ascending;
      });
      const focused = document.activeElement;
      const place = host.contains(focused) ? focused.dataset.place : null;
      const scrolled = host.firstElementChild ? [host.firstElementChild.scrollTop, host.firstElementChild.scrollLeft] : [0, 0];
      const all = rows.length > 0 && rows.every((row) => runsData.picked.includes(row.id));
      const everything = tick(words.all, all, () => {
        runsData.picked = all ? [] : rows.slice(0, 40).map((row) => row.id);
        render();
        tell();
      });
      everything.dataset.place = "all";
      const head = el("tr", {}, el("th", { scope: "col" }, everything), ...columns.map((column, index) => {
        const sorting = order && order.column === index ? (order.down ? "descending" : "ascending") : "none";
        return el("th", { scope: "col", class: column.align, "aria-sort": sorting }, el("button", {
          type: "button", "data-place": "column " + index,
          text: column.title + { none: "", ascending: " ↑", descending: " ↓" }[sorting],
          onclick: () => {
            const first = column.align === "number";
            if (!order || order.column !== index) order = { column: index, down: first };
            else if (order.down === first) order = { column: index, down: !order.down };
            else order = null;
            render();
          } }));
      }));
      const body = rows.map((row) => {
        const chosen = runsData.picked.includes(row.id);
        const box = tick(words.pick.replace("{name}", row.name), chosen, () => {
          runsData.picked = chosen ? runsData.picked.filter((id) => id !== row.id) : [...runsData.picked, row.id];
          render();
          tell();
        });
        box.dataset.place = row.id;
        const cells = row.cells.map(([shown, , hint], index) => {
          const cell = el("td", { class: columns[index].align, title: hint || null });
          if (index === 0) cell.append(el("a", { href: row.go, "data-go": row.go, text: shown }));
          else if (index === 4) cell.append(el("span", { class: "badge " + row.status, text: shown }));
          else cell.textContent = shown;
          return cell;
        });
        if (row.mine) cells[0].append(el("em", { text: " " + words.label }));
        return el("tr", { class: chosen ? "picked" : null }, el("td", {}, box), ...cells);
      });
      const table = el("table", { class: "layer-table runs-table" }, el("thead", {}, head), el("tbody", {}, ...body));
      host.replaceChildren(el("div", { class: "scroll" }, table));
      [host.firstElementChild.scrollTop, host.firstElementChild.scrollLeft] = scrolled;
      const again = place && [...host.querySelectorAll("[data-place]")].find((node) => node.dataset.place === place);
      if (again) again.focus({ preventScroll: true });
    };
    draw();
    watch("value", draw);
  };

  /* ---------------------------------------------------------------- an order to guess */
  const rank = (element, props, watch, trigger) => {
    const host = element.querySelector(".rank");
    let data = null;
    let order = [];
    const tell = (value) => {
      window.explorer.guess = value;
      trigger("select");
    };
    const move = (from, to) => {
      if (to < 0 || to >= order.length) return;
      order.splice(to, 0, ...order.splice(from, 1));
      render([order[to].id, to > from ? "down" : "up"]);
    };
    const render = (focus) => {
      const { words, guessed } = data;
      const items = order.map((item, index) => {
        const step = (name, to, sign) => el("button", {
          type: "button", class: "small", "data-step": name, text: sign, disabled: to < 0 || to >= order.length ? "" : null,
          "aria-label": words[name].replace("{net}", item.title), onclick: () => move(index, to) });
        const line = el("li", { "data-id": item.id, draggable: guessed ? null : "true" },
          el("span", { class: "place", text: index + 1 }), el("b", { text: item.title }));
        if (!guessed) {
          line.append(el("span", { class: "steps" }, step("up", index - 1, "▲"), step("down", index + 1, "▼")));
          line.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", String(index)));
          line.addEventListener("dragover", (event) => event.preventDefault());
          line.addEventListener("drop", (event) => {
            event.preventDefault();
            move(Number(event.dataTransfer.getData("text/plain")), index);
          });
        }
        return line;
      });
      const done = el("button", {
        type: "button", class: guessed ? "small" : "small strong", text: guessed ? words.again : words.done,
        onclick: () => tell(guessed ? "" : order.map((item) => item.id).join(",")) });
      host.replaceChildren(
        el("p", { text: words.mine }),
        el("div", { class: "order" + (guessed ? " guessed" : "") },
          el("span", { class: "end", text: words.lowest }), el("ol", {}, ...items), el("span", { class: "end", text: words.highest })),
        done);
      if (focus) {
        const buttons = host.querySelectorAll(`[data-id="${focus[0]}"] button`);
        const wanted = [...buttons].find((button) => button.dataset.step === focus[1] && !button.disabled);
        (wanted || [...buttons].find((button) => !button.disabled)).focus();
      }
    };
    const draw = () => {
      const next = parse(props.value);
      if (!next) return;
      data = next;
      order = [...data.items];
      render();
    };
    draw();
    watch("value", draw);
  };

  // Asks in the page itself: a browser's own question is not shown inside a notebook's frame.
  const sure = () => new Promise((done) => {
    const { words } = runsData;
    const names = pickedRuns().map((row) => row.name).join(", ");
    const answer = (value) => { dialog.close(); dialog.remove(); done(value); };
    const dialog = el("dialog", { class: "sure" },
      el("p", { text: words.sure.replace("{names}", names) }),
      el("div", { class: "tools" },
        el("button", { type: "button", class: "small danger", text: words.delete, onclick: () => answer("yes") }),
        el("button", { type: "button", class: "small", text: words.keep, autofocus: "", onclick: () => answer("no") })));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); answer("no"); });
    document.body.append(dialog);
    dialog.showModal();
  });

  // Follows the link of a hidden download button, once it has its file.
  const saveFile = (id) => {
    const link = document.querySelector(`#${id} a[href], a#${id}[href]`);
    const node = link || document.getElementById(id);
    if (node) node.click();
  };

  /* ---------------------------------------------------------------- the address bar */
  const address = (element, props, watch, trigger) => {
    const page = element.querySelector("[data-page]").dataset;
    document.documentElement.lang = page.page;
    document.title = page.title;
    const follow = () => {
      const wanted = props.value || "";
      if (wanted) {
        // What was typed or linked gives way to the whole address: going back to it would only lead here again.
        const state = { ...history.state, explorer: true };
        if (!history.state || !history.state.explorer) history.replaceState(state, "", wanted);
        else if (wanted !== location.search) history.pushState(state, "", wanted);
      }
      for (const link of document.querySelectorAll("a[data-language]"))
        link.href = link.dataset.language + location.search; // the same state in the other language
    };
    watch("value", follow);
    follow();
    for (const place of document.querySelectorAll('[id$="problem"]'))
      new MutationObserver(() => {
        const said = place.querySelector(".problem");
        if (said) said.scrollIntoView({ block: "nearest" }); // on a phone it may be below the screen
      }).observe(place, { childList: true, subtree: true });
    const go = (query) => {
      props.value = query;
      trigger("submit");
    };
    window.addEventListener("popstate", () => go(location.search));
    document.addEventListener("click", (event) => { // links within the page
      const link = event.target.closest("a[data-go]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      if (link.dataset.go !== location.search) history.pushState({ ...history.state, explorer: true }, "", link.dataset.go);
      go(link.dataset.go);
    });
  };

  /* ---------------------------------------------------------------- the sidebar on a phone, the language links */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-toggle]");
    if (button) {
      const open = document.getElementById(button.dataset.toggle).classList.toggle("open");
      button.setAttribute("aria-expanded", String(open));
    }
    const link = event.target.closest("a[data-language]");
    if (link) document.cookie = "explorer_language=" + link.lang + "; path=/; max-age=31536000; samesite=lax";
  });

  /* ---------------------------------------------------------------- menus that take any value */
  // Gradio's menu takes the first option that holds the typed text when Enter is pressed: 5 would become 256. Unless an
  // option was gone to with the arrows, Enter takes what was typed.
  let chosenByArrow = false;
  const isMenu = (node) => node instanceof HTMLInputElement && node.getAttribute("role") === "combobox";
  document.addEventListener("focusin", (event) => {
    if (!isMenu(event.target)) return;
    chosenByArrow = false;
    event.target.select();
    // Gradio leaves the list of another menu open after a typed value.
    for (const list of document.querySelectorAll("ul.option-list"))
      list.style.display = list.id === event.target.getAttribute("aria-controls") ? "" : "none";
  });
  // Gradio says that a slider was let go of only where a pointer did it: a key that moved it has done so, too.
  document.addEventListener("keyup", (event) => {
    if (!event.target.matches || !event.target.matches("input[type=range]")) return;
    if (!/^(Arrow|Page|Home$|End$)/.test(event.key)) return;
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });
  document.addEventListener("keydown", (event) => {
    if (!isMenu(event.target)) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") chosenByArrow = true;
    else if (event.key === "Enter" && !chosenByArrow) {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.target.blur();
    } else if (event.key.length === 1 || event.key === "Backspace") chosenByArrow = false;
  }, true);

  /* ---------------------------------------------------------------- copy buttons */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const source = button.parentElement.querySelector("pre");
    const done = () => {
      const before = button.textContent;
      button.textContent = button.dataset.done;
      setTimeout(() => (button.textContent = before), 1500);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).then(done, () => getSelection().selectAllChildren(source));
    else { // plain http beyond localhost: no clipboard there, so select the text instead
      getSelection().selectAllChildren(source);
    }
  });

  /* ---------------------------------------------------------------- the camera */
  // A browser lends it to localhost and to https only: elsewhere the page says so instead of offering it.
  if (!window.isSecureContext || !navigator.mediaDevices) document.documentElement.classList.add("no-camera");
  // Gradio drops a press of the button that comes before the camera's first frame: it waits for that frame here.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[aria-label='capture photo']");
    const video = button?.closest(".block").querySelector("video");
    if (!video || video.videoWidth) return;
    event.stopPropagation();
    video.addEventListener("loadeddata", () => button.click(), { once: true });
  }, true);

  window.explorer = {
    chart, layers, runs, rank, address, pulse, asker, held, shown, owner, sure, save: saveFile, drawn: 0, clicked: "", picked: "", guess: "" };
})();
