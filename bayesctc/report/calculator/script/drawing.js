// Results as elements of the page. Texts become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const FRAME = { width: 640, height: 350, left: 74, right: 14, top: 14, bottom: 60 };

function element(name, attributes, children) {
  const made = document.createElement(name);
  return filled(made, attributes, children);
}

function drawn(name, attributes, children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  Object.keys(attributes || {}).forEach((key) => made.setAttribute(key, attributes[key]));
  (children || []).forEach((child) => made.append(child));
  return made;
}

// 0.1234 as "12 %"; below 1 % and above 99 % with a digit more, and none is said to be 0 or 1.
function percentText(p) {
  if (p < 0.001) return "< 0.1 %";
  if (p > 0.999) return "> 99.9 %";
  return `${(100 * p).toFixed(p < 0.0095 || p > 0.9905 ? 1 : 0)} %`;
}

function classRows(page, probabilities) {
  return probabilities.map((p, g) => {
    const fill = element("span", { class: "fill" });
    fill.style.background = page.classes[g].colour;
    fill.style.width = `${(100 * p).toFixed(2)}%`;
    const name = element("th", { scope: "row" }, [
      element("span", { class: "label" }, [page.classes[g].label]),
      element("span", { class: "words" }, [page.classes[g].words]),
    ]);
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, [fill]);
    return element("tr", {}, [name, element("td", {}, [element("span", { class: "number" }, [percentText(p)]), bar])]);
  });
}

// Whole multiples of 1, 2, 3 or 6 (times ten) months, 8 at most.
function monthTicks(most) {
  const step = [1, 2, 3, 6, 12, 24, 36, 60, 120].find((each) => most / each <= 8) || Math.ceil(most / 8);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => k * step);
}

function intervalText({ lower, upper }, k) {
  if (lower === null) return "not known";
  const [low, high] = [percentText(lower[k]), percentText(upper[k])];
  return low === high ? low : `${low} to ${high}`;
}

function survivalRows(page, patient, horizons, survival, start) {
  return horizons.map((h, k) => {
    const beyond = patient.landmark + h > page.followUp;
    const date = start === null ? [] : [element("td", {}, [dateText(start + (patient.landmark + h) * page.daysPerMonth)])];
    const remark = beyond ? [element("span", { class: "words" }, ["extrapolated"])] : [];
    return element("tr", beyond ? { class: "beyond" } : {}, [
      element("th", { scope: "row" }, [String(h)]),
      ...date,
      element("td", {}, [percentText(survival.value[k])]),
      element("td", {}, [intervalText(survival, k), ...remark]),
    ]);
  });
}

function incidenceRows(page, patient, horizons, incidence) {
  return horizons.map((h, k) => {
    const beyond = patient.landmark + h > page.followUp;
    const cells = incidence.map((each) =>
      element("td", {}, [percentText(each.value[k]), element("span", { class: "words" }, [intervalText(each, k)])])
    );
    return element("tr", beyond ? { class: "beyond" } : {}, [element("th", { scope: "row" }, [String(h)]), ...cells]);
  });
}

// The curve with its interval from the landmark on; grey where nobody in the fit was followed.
function survivalPicture(page, patient, months, { value, lower, upper }) {
  const last = months[months.length - 1];
  const x = (m) => FRAME.left + (m / last) * (FRAME.width - FRAME.left - FRAME.right);
  const y = (p) => FRAME.top + (1 - p) * (FRAME.height - FRAME.top - FRAME.bottom);
  const line = (values) => values.map((p, k) => `${x(months[k]).toFixed(1)},${y(p).toFixed(1)}`);
  const parts = [];
  const known = Math.max(page.followUp - patient.landmark, 0);
  if (known < last) {
    const at = { x: x(known), y: y(1), width: x(last) - x(known), height: y(0) - y(1), class: "unknown" };
    parts.push(drawn("rect", at));
    parts.push(drawn("text", { x: x(last) - 6, y: y(1) + 18, class: "tick end" }, ["extrapolated"]));
  }
  [0, 0.25, 0.5, 0.75, 1].forEach((p) => {
    parts.push(drawn("line", { x1: x(0), x2: x(last), y1: y(p), y2: y(p), class: "grid" }));
    parts.push(drawn("text", { x: x(0) - 8, y: y(p) + 5, class: "tick end" }, [`${100 * p} %`]));
  });
  monthTicks(last).forEach((m) => {
    parts.push(drawn("line", { x1: x(m), x2: x(m), y1: y(0), y2: y(0) + 5, class: "axis" }));
    parts.push(drawn("text", { x: x(m), y: y(0) + 21, class: "tick middle" }, [String(m)]));
  });
  if (lower !== null) {
    const band = [...line(upper), ...line(lower).reverse()];
    parts.push(drawn("polygon", { points: band.join(" "), class: "band" }));
  }
  parts.push(drawn("polyline", { points: line(value).join(" "), class: "curve" }));
  parts.push(drawn("line", { x1: x(0), x2: x(last), y1: y(0), y2: y(0), class: "axis" }));
  const middle = (x(0) + x(last)) / 2;
  parts.push(drawn("text", { x: middle, y: FRAME.height - 8, class: "tick middle" }, [page.axis]));
  const box = { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, role: "img", "aria-labelledby": "picture-says" };
  return drawn("svg", box, parts);
}
