"use strict";
(() => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const find = (id) => document.getElementById(id);
  const sides = ["left", "right"];
  const labels = Object.keys(data.labels);
  const shapes = {
    "circle": '<circle cx="5" cy="5" r="4"/>',
    "square": '<rect x="1.2" y="1.2" width="7.6" height="7.6"/>',
    "triangle-up": '<path d="M5 1 9.4 9H.6z"/>',
    "diamond": '<path d="M5 .4 9.6 5 5 9.6.4 5z"/>',
    "triangle-down": '<path d="M5 9 .6 1h8.8z"/>',
    "cross": '<path d="M3.5.7h3v2.8h2.8v3H6.5v2.8h-3V6.5H.7v-3h2.8z"/>',
    "x": '<path d="M2.7.7 5 3 7.3.7 9.3 2.7 7 5l2.3 2.3-2 2L5 7 2.7 9.3l-2-2L3 5 .7 2.7z"/>',
  };
  const filtered = labels.filter((label) => data.labels[label].can_colour);
  const state = { colour: "", hidden: new Map(filtered.map((label) => [label, new Set()])), pinned: null };
  const config = { displaylogo: false, responsive: true, scrollZoom: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  // The frame is that of all captures, so that a filter moves nothing.
  const rangeOf = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const edge = 0.06 * (high - low || 1);
    return [low - edge, high + edge];
  };
  const layoutOf = (map) => ({
    margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: false, hovermode: "closest", dragmode: "pan",
    xaxis: { visible: false, range: rangeOf(map.x) }, yaxis: { visible: false, range: rangeOf(map.y) },
    paper_bgcolor: "#fff", plot_bgcolor: "#fff", uirevision: `${map.variant} ${map.id}`,
  });

  const option = (value, text) => {
    const element = document.createElement("option");
    element.value = value;
    element.textContent = text;
    return element;
  };
  const isShown = (capture) => filtered.every((label) => !state.hidden.get(label).has(data.labels[label].values[capture]));
  const mapsOf = () => data.maps.filter((map) => map.variant === find("variant").value);
  const mapOf = (side) => mapsOf().find((map) => map.id === find(`map-${side}`).value);
  const plain = [{ name: "all captures", colour: "#0072B2", symbol: "circle" }];
  const classes = () => (state.colour ? data.labels[state.colour].classes : plain);
  const classOf = (capture) => (state.colour ? data.labels[state.colour].values[capture] : 0);

  const traces = (map) => {
    const groups = classes().map((group) => ({
      type: "scatter", mode: "markers", name: group.name, x: [], y: [], customdata: [],
      hovertemplate: "%{text}<extra></extra>", text: [],
      marker: { color: group.colour, symbol: group.symbol, size: map.x.length > 1500 ? 5 : 8, opacity: 0.85 },
    }));
    map.capture.forEach((capture, i) => {
      if (!isShown(capture)) return;
      const group = groups[classOf(capture)];
      group.x.push(map.x[i]);
      group.y.push(map.y[i]);
      group.customdata.push(capture);
      group.text.push(data.captures[capture].replaceAll("<", "&lt;"));
    });
    groups.push({
      type: "scatter", mode: "markers", x: [], y: [], hoverinfo: "skip",
      marker: { size: 17, color: "rgba(0,0,0,0)", line: { color: "#000", width: 2 } },
    });
    return groups;
  };

  const ring = (capture) => {
    for (const side of sides) {
      const map = mapOf(side);
      const at = capture === null || !isShown(capture) ? -1 : map.capture.indexOf(capture);
      const point = at < 0 ? [[], []] : [[map.x[at]], [map.y[at]]];
      Plotly.restyle(find(`plot-${side}`), { x: [point[0]], y: [point[1]] }, [classes().length]);
    }
  };

  const thumbnail = (modality, capture) => {
    const box = find(`thumb-${modality}`);
    const columns = data.atlas.columns;
    const rows = Math.ceil(data.captures.length / columns);
    const [column, row] = [capture % columns, Math.floor(capture / columns)];
    const place = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
    box.style.backgroundImage = `url(${data.atlas[modality]})`;
    box.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    box.style.backgroundPosition = `${place(column, columns)}% ${place(row, rows)}%`;
    box.setAttribute("aria-label", `${data.names[modality]} photograph of ${data.captures[capture]}`);
  };

  const show = (capture) => {
    thumbnail("rgb", capture);
    thumbnail("uv", capture);
    const facts = [["capture", data.captures[capture]]];
    if (data.specimens[capture] !== data.captures[capture]) facts.push(["specimen", data.specimens[capture]]);
    for (const label of labels) {
      const { classes: of, values } = data.labels[label];
      facts.push([label, of[values[capture]].name]);
    }
    find("facts").replaceChildren(...facts.flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
    ring(capture);
  };

  const legend = () => {
    const present = new Set(data.captures.map((_, capture) => capture).filter(isShown).map(classOf));
    find("legend").replaceChildren(...classes().map((group, i) => {
      const item = document.createElement("li");
      item.innerHTML = `<svg viewBox="0 0 10 10" fill="${group.colour}" aria-hidden="true">${shapes[group.symbol]}</svg>`;
      item.append(group.name);
      item.classList.toggle("absent", !present.has(i));
      return item;
    }));
  };

  const draw = () => {
    for (const side of sides) {
      const map = mapOf(side);
      const placed = map.trustworthiness_placed === null ? "" : `, of placed captures ${map.trustworthiness_placed.toFixed(2)}`;
      find(`title-${side}`).textContent = `${map.title}, trustworthiness ${map.trustworthiness.toFixed(2)}${placed}`;
      Plotly.react(find(`plot-${side}`), traces(map), layoutOf(map), config);
    }
    const shown = data.captures.filter((_, capture) => isShown(capture)).length;
    find("shown").textContent = `${shown} of ${data.captures.length} captures`;
    legend();
    if (state.pinned !== null) ring(state.pinned);
  };

  const makeFilter = (label) => {
    const { classes: of, values } = data.labels[label];
    const hidden = state.hidden.get(label);
    const menu = document.createElement("details");
    const title = document.createElement("summary");
    const count = () => { title.textContent = hidden.size ? `${label}: ${of.length - hidden.size} of ${of.length}` : label; };
    const boxes = of.map((group, i) => {
      const line = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => { choose([i], box.checked); });
      line.append(box, ` ${group.name} (${values.filter((value) => value === i).length})`);
      return line;
    });
    const choose = (numbers, checked) => {
      for (const i of numbers) {
        boxes[i].firstChild.checked = checked;
        if (checked) hidden.delete(i); else hidden.add(i);
      }
      count();
      draw();
    };
    const buttons = [["All", true], ["None", false]].map(([text, checked]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => choose(of.keys(), checked));
      return button;
    });
    const list = document.createElement("div");
    list.className = "menu";
    list.append(...buttons, ...boxes);
    menu.dataset.label = label;
    menu.append(title, list);
    menu.addEventListener("toggle", () => {
      if (menu.open) for (const other of find("filters").children) if (other !== menu) other.open = false;
    });
    count();
    return menu;
  };

  const listMaps = () => {
    for (const side of sides) {
      const choice = find(`map-${side}`);
      const kept = choice.value;
      choice.replaceChildren(...mapsOf().map((map) => option(map.id, map.title)));
      choice.selectedIndex = side === "left" ? 0 : Math.min(1, choice.options.length - 1);
      if (mapsOf().some((map) => map.id === kept)) choice.value = kept;
    }
  };

  find("variant").append(...data.variants.map((variant) => option(variant.id, variant.name)));
  listMaps();
  find("variant").addEventListener("change", () => { listMaps(); draw(); });
  for (const side of sides) find(`map-${side}`).addEventListener("change", draw);
  find("name-rgb").textContent = data.names.rgb;
  find("name-uv").textContent = data.names.uv;
  find("colour-by").append(option("", "nothing"), ...filtered.map((label) => option(label, label)));
  if (filtered.length) find("colour-by").value = filtered.includes("species") ? "species" : filtered[0];
  state.colour = find("colour-by").value;
  find("colour-by").addEventListener("change", (event) => { state.colour = event.target.value; draw(); });
  find("filters").append("Show", ...filtered.map(makeFilter));
  draw();
  show(0);
  ring(null);
  for (const side of sides) {
    const plot = find(`plot-${side}`);
    const captureOf = (event) => event.points[0].customdata;
    plot.on("plotly_hover", (event) => { if (captureOf(event) !== undefined) show(captureOf(event)); });
    plot.on("plotly_unhover", () => { if (state.pinned === null) ring(null); else show(state.pinned); });
    plot.on("plotly_click", (event) => {
      state.pinned = state.pinned === captureOf(event) ? null : captureOf(event);
      if (state.pinned !== null) show(state.pinned);
    });
  }
})();
