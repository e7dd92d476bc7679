"use strict";
// The time slider and the values under the pointer. Everything shown comes from the JSON block of the page; without
// this script, and in print, the page is complete in still figures.
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const zip = (names, values) => names.map((name, number) => [name, values[number]]);

  function element(parent, name, attributes = {}, namespace = SVG) {
    const made = document.createElementNS(namespace, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  // ---- Numbers -----------------------------------------------------------------------------------------------------

  const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  function short(value, digits = 3) {
    if (value === null || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (value === 0 || (size >= 1e-2 && size < 1e5)) return String(Number(value.toPrecision(digits)));
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa}·10${[...String(Number(exponent))].map((digit) => RAISED[digit]).join("")}`;
  }

  // Undoes freqbias.compare.figures.packed: codes of two bytes, 0 where nothing is known, 1 at the lower end.
  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed.zlib), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = planes.length / 2;
    const length = packed.shape.at(-1);
    const codes = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      const change = (planes[i] << 8) | planes[count + i];
      codes[i] = i % length === 0 ? change : codes[i - 1] + change;
    }
    const [low, high] = packed.ends;
    const value = (code) => {
      const between = low + ((code - 1) / (packed.steps - 1)) * (high - low);
      return code === 0 ? null : packed.log ? 10 ** between : between;
    };
    return { codes, steps: packed.steps, size: codes.length / packed.shape[0], value };
  }

  // ---- One axes of one figure --------------------------------------------------------------------------------------

  function scaleOf(axis, start, length) {
    const forward = axis.log ? Math.log10 : (value) => value;
    const [low, high] = axis.limits.map(forward);
    return {
      place: (value) => start + length * clamp((forward(value) - low) / (high - low), -2, 3),
      value: (place) => {
        const found = low + ((place - start) / length) * (high - low);
        return axis.log ? 10 ** found : found;
      },
    };
  }

  // "frequency ξ (radians per unit of x)" is called ξ, time is called t.
  const symbol = (axis) => (axis.time ? "t" : axis.label.split(" (")[0].split(" ").at(-1) || "x");

  function nearest(places, wanted) {
    let best = -1;
    places.forEach((place, number) => {
      const better = best < 0 || Math.abs(place - wanted) < Math.abs(places[best] - wanted);
      if (Number.isFinite(place) && better) best = number;
    });
    return best;
  }

  // Paths through places [x, y]; null is a gap.
  function polyline(places) {
    let path = "";
    places.forEach((place, number) => {
      if (place) path += `${places[number - 1] ? "L" : "M"}${place[0].toFixed(2)} ${place[1].toFixed(2)}`;
    });
    return path;
  }

  function circles(places, radius = 2.2, apart = 8) {
    let path = "";
    let last = -Infinity;
    for (const place of places) {
      if (!place || place[0] - last < apart) continue;
      last = place[0];
      const arc = (side) => `a${radius} ${radius} 0 1 0 ${side * 2 * radius} 0`;
      path += `M${(place[0] - radius).toFixed(1)} ${place[1].toFixed(1)}${arc(1)}${arc(-1)}`;
    }
    return path;
  }

  class Axes {
    constructor(svg, data, identifier) {
      this.data = data;
      const [left, top, width, height] = data.box;
      this.box = { left, top, right: left + width, bottom: top + height };
      this.x = scaleOf(data.x, left, width);
      this.y = scaleOf(data.y, top + height, -height);
      this.places = data.xs.map((values) => values.map((value) => (value === null ? NaN : this.x.place(value))));
      this.layer = element(svg, "g", { class: "overlay", "clip-path": `url(#${identifier})` });
      const clip = element(element(this.layer, "clipPath", { id: identifier }), "rect");
      for (const [key, value] of zip(["x", "y", "width", "height"], data.box)) clip.setAttribute(key, value);
      this.moving = data.curves.filter((curve) => curve.frames);
      this.films = data.images.filter((image) => image.frames);
      for (const film of this.films) this.prepareFilm(film);
      for (const curve of this.moving) {
        const kind = curve.marker ? "markers" : curve.dashed ? "dashed" : "line";
        const look = { class: `moving ${kind}`, fill: "none", stroke: curve.colour, "data-label": curve.label };
        curve.path = element(this.layer, "path", look);
      }
      const cursor = { class: data.images.length ? "cursor over-image" : "cursor" };
      if (page.times && data.x.time) this.across = element(this.layer, "line", { ...cursor, y1: top, y2: this.box.bottom });
      if (page.times && data.y.time) this.along = element(this.layer, "line", { ...cursor, x1: left, x2: this.box.right });
      this.dots = element(this.layer, "g", { class: "dots" });
    }

    async load() {
      for (const item of [...this.moving, ...this.films]) item.unpacked = await unpack(item.frames);
    }

    prepareFilm(film) {
      const [left, right, bottom, top] = film.extent;
      const [x0, x1] = [this.x.place(left), this.x.place(right)];
      const [y0, y1] = [this.y.place(top), this.y.place(bottom)];
      const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, preserveAspectRatio: "none", class: "film" };
      film.element = element(this.layer, "image", place);
      film.canvas = document.createElement("canvas");
      [film.canvas.width, film.canvas.height] = [film.x.length, film.y.length];
      film.table = film.colours.match(/.{6}/g).map((colour) => parseInt(colour, 16));
    }

    // Show output time number k.
    show(k) {
      const time = page.times[k];
      if (this.across) this.#line(this.across, "x", clamp(this.x.place(time), this.box.left, this.box.right));
      if (this.along) this.#line(this.along, "y", clamp(this.y.place(time), this.box.top, this.box.bottom));
      for (const curve of this.moving) if (curve.unpacked) this.#drawCurve(curve, k);
      for (const film of this.films) if (film.unpacked) this.#drawFilm(film, k);
    }

    #line(line, name, place) {
      line.setAttribute(`${name}1`, place.toFixed(2));
      line.setAttribute(`${name}2`, place.toFixed(2));
    }

    #drawCurve(curve, k) {
      const { codes, size, value } = curve.unpacked;
      curve.y = Array.from(codes.subarray(k * size, (k + 1) * size), value);
      const places = curve.y.map((y, number) => (y === null ? null : [this.places[curve.x][number], this.y.place(y)]));
      curve.path.setAttribute("d", (curve.marker ? circles : polyline)(places));
    }

    #drawFilm(film, k) {
      const { codes, size, steps } = film.unpacked;
      const [columns, rows] = [film.x.length, film.y.length];
      const context = film.canvas.getContext("2d");
      const pixels = context.createImageData(columns, rows);
      film.frame = codes.subarray(k * size, (k + 1) * size);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const code = film.frame[row * columns + column];
          // The first row of the data is the lowest, that of a canvas the highest.
          const at = 4 * ((rows - 1 - row) * columns + column);
          const colour = film.table[Math.round((Math.max(code - 1, 0) / (steps - 1)) * (film.table.length - 1))];
          pixels.data.set([colour >> 16, (colour >> 8) & 255, colour & 255, code === 0 ? 0 : 255], at);
        }
      }
      context.putImageData(pixels, 0, 0);
      film.element.setAttribute("href", film.canvas.toDataURL());
    }

    contains(x, y) {
      return x >= this.box.left && x <= this.box.right && y >= this.box.top && y <= this.box.bottom;
    }

    // What is at the place (x, y): a heading and rows of colour, name, value.
    async at(x, y) {
      for (const image of this.data.images) {
        const column = nearest(image.x.map(this.x.place), x);
        const row = nearest(image.y.map(this.y.place), y);
        const values = image.unpacked ?? (image.unpacked = await unpack(image.values));
        const code = (image.frame ?? values.codes)[row * image.x.length + column];
        const names = [`${symbol(this.data.x)} = ${short(image.x[column])}`, `${symbol(this.data.y)} = ${short(image.y[row])}`];
        const text = `${code === 1 ? "≤ " : ""}${short(values.value(code), values.steps > 5000 ? 3 : 2)}`;
        return { heading: names.join(", "), rows: [["", image.label, text]], points: [] };
      }
      const candidates = this.places.map((places) => nearest(places, x));
      const distances = candidates.map((number, k) => (number < 0 ? Infinity : Math.abs(this.places[k][number] - x)));
      const closest = nearest(distances, 0);
      if (closest < 0) return null;
      const shared = this.places[closest][candidates[closest]];
      const found = { heading: `${symbol(this.data.x)} = ${short(this.data.xs[closest][candidates[closest]])}`, rows: [], points: [] };
      for (const curve of this.data.curves) {
        const number = candidates[curve.x];
        const value = curve.y?.[number] ?? null;
        if (value === null || Math.abs(this.places[curve.x][number] - shared) > 8) continue;
        found.rows.push([curve.colour, curve.label, short(value)]);
        found.points.push([this.places[curve.x][number], this.y.place(value), curve.colour]);
      }
      return found.rows.length ? found : null;
    }

    mark(points) {
      this.dots.replaceChildren();
      for (const [cx, cy, stroke] of points) element(this.dots, "circle", { cx, cy, r: 3.4, stroke });
    }
  }

  // ---- Values under the pointer ------------------------------------------------------------------------------------

  const HTML = "http://www.w3.org/1999/xhtml";
  const tooltip = document.getElementById("tooltip");

  function fillTooltip({ heading, rows }) {
    tooltip.replaceChildren();
    element(tooltip, "strong", {}, HTML).textContent = heading;
    const table = element(tooltip, "table", {}, HTML);
    for (const [colour, name, text] of rows) {
      const row = element(table, "tr", {}, HTML);
      const swatch = element(element(row, "td", {}, HTML), "span", { class: "swatch" }, HTML);
      swatch.style.background = colour || "transparent";
      element(row, "td", {}, HTML).textContent = name;
      element(row, "td", { class: "number" }, HTML).textContent = text;
    }
  }

  function placeTooltip(event) {
    const { offsetWidth: width, offsetHeight: height } = tooltip;
    const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    tooltip.style.left = `${clamp(left, 4, Math.max(4, innerWidth - width - 4))}px`;
    tooltip.style.top = `${clamp(event.clientY + 14, 4, Math.max(4, innerHeight - height - 4))}px`;
  }

  class FigureView {
    constructor(identifier, axes) {
      this.figure = document.getElementById(`figure-${identifier}`);
      this.svg = this.figure.querySelector("svg");
      this.axes = axes.map((data, number) => new Axes(this.svg, data, `clip-${identifier}-${number}`));
      this.moves = this.axes.some((one) => one.moving.length + one.films.length > 0);
      if (this.moves) {
        this.figure.classList.add("live");
        this.caption = element(this.figure, "figcaption", { class: "now" }, HTML);
      }
      this.svg.addEventListener("pointermove", (event) => this.point(event));
      this.svg.addEventListener("pointerdown", (event) => this.point(event));
      this.svg.addEventListener("pointerleave", () => this.leave());
      this.svg.addEventListener("click", (event) => this.choose(event));
    }

    show(k) {
      for (const one of this.axes) one.show(k);
      if (!this.moves) return;
      this.caption.replaceChildren(`Now t = ${short(page.times[k])}`);
      const curves = new Map(this.axes.flatMap((one) => one.moving).map((curve) => [curve.label, curve]));
      for (const { label, colour, dashed, marker } of curves.values()) {
        const name = element(this.caption, "span", { class: "key" }, HTML);
        const line = element(name, "span", { class: marker ? "dots" : dashed ? "dashes" : "line" }, HTML);
        line.style.color = colour;
        name.append(label);
      }
    }

    // The axes under the pointer, and the place in the coordinates of the figure.
    locate(event) {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      return [this.axes.find((one) => one.contains(place.x, place.y)), place];
    }

    async point(event) {
      const [axes, place] = this.locate(event);
      this.pointed = event;
      const found = axes ? await axes.at(place.x, place.y) : null;
      if (this.pointed !== event) return;
      for (const one of this.axes) one.mark(one === axes && found ? found.points : []);
      tooltip.hidden = !found;
      if (!found) return;
      fillTooltip(found);
      placeTooltip(event);
    }

    leave() {
      this.pointed = null;
      tooltip.hidden = true;
      for (const one of this.axes) one.mark([]);
    }

    choose(event) {
      const [axes, place] = this.locate(event);
      if (axes?.data.x.time && page.times) moveTo(nearest(page.times.map(axes.x.place), place.x));
    }
  }

  const figures = Object.entries(page.figures).map(([identifier, axes]) => new FigureView(identifier, axes));

  // ---- The slider --------------------------------------------------------------------------------------------------

  const slider = document.getElementById("time");
  const play = document.getElementById("play");
  let timer = null;

  function show(k) {
    const text = short(page.times[k]);
    slider.setAttribute("aria-valuetext", `t = ${text}`);
    document.getElementById("time-now").textContent = text;
    for (const [cell, texts] of zip([...document.querySelectorAll("[data-readout]")], page.readout)) {
      cell.textContent = texts[k];
    }
    for (const figure of figures) figure.show(k);
  }

  function moveTo(k) {
    slider.value = k;
    show(k);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.setAttribute("aria-pressed", "false");
    play.setAttribute("aria-label", "Play");
  }

  function step() {
    if (Number(slider.value) >= page.times.length - 1) stop();
    else moveTo(Number(slider.value) + 1);
  }

  async function start() {
    for (const figure of figures) for (const axes of figure.axes) await axes.load();
    if (page.times) {
      document.getElementById("time-bar").hidden = false;
      slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
      play.addEventListener("click", () => {
        if (timer !== null) return stop();
        if (Number(slider.value) >= page.times.length - 1) moveTo(0);
        timer = setInterval(step, clamp(6000 / page.times.length, 60, 400));
        play.setAttribute("aria-pressed", "true");
        play.setAttribute("aria-label", "Pause");
      });
      show(Number(slider.value));
    }
    document.documentElement.dataset.ready = "yes";
  }

  start();
})();
