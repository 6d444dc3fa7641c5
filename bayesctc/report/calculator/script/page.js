// The form and its results. No data are sent, stored or fetched.

const TABLE_MONTHS = [3, 6, 12, 18, 24, 36, 48, 60, 84, 120];
const POINTS = 61;
const DELAY = 300; // milliseconds between the last key and the computation

function byId(id) {
  return document.getElementById(id);
}

function today() {
  const now = new Date();
  return dateText(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) / MS_PER_DAY);
}

// Fields of a row, made anew whenever dates change to months or back.
function sampleRow(state, k) {
  const { page, form } = state;
  const row = form.samples[k];
  const field = (key, label, attributes) => {
    const input = element("input", Object.assign({ id: `${key}${k}`, autocomplete: "off" }, attributes));
    input.value = row[key];
    input.addEventListener("input", () => {
      row[key] = input.value;
      changed(state);
    });
    return element("label", { class: "cell" }, [element("span", {}, [`Sample ${k + 1}: ${label}`]), input]);
  };
  const remove = element("button", { type: "button", class: "quiet", "aria-label": `Remove sample ${k + 1}` }, ["×"]);
  remove.addEventListener("click", () => {
    form.samples.splice(k, 1);
    if (!form.samples.length) form.samples.push(emptySample(page));
    showSamples(state);
    byId(`when${Math.max(k - 1, 0)}`).focus();
    changed(state);
  });
  const when = form.mode === "dates" ? { type: "date" } : { type: "text", inputmode: "decimal" };
  return element("div", { class: "sample", role: "group", "aria-label": `Sample ${k + 1}` }, [
    field("when", form.mode === "dates" ? "date" : "month", when),
    field("value", page.valueLabel, { type: "text", inputmode: page.whole ? "numeric" : "decimal" }),
    ...(page.volumes ? [field("volume", "volume, mL", { type: "text", inputmode: "decimal" })] : []),
    remove,
  ]);
}

function emptySample(page) {
  return { when: "", value: "", volume: page.volumes ? String(page.usualVolume) : "" };
}

function showSamples(state) {
  byId("samples").replaceChildren(...state.form.samples.map((_, k) => sampleRow(state, k)));
}

function showCovariates(state) {
  const { page, form } = state;
  const fields = page.covariates.map((covariate, k) => {
    const id = `covariate${k}`;
    const choice = covariate.options.length > 0;
    const field = choice ? choiceField(covariate, id) : numberField(id);
    field.addEventListener("input", () => {
      form.covariates[covariate.name] = field.value;
      changed(state);
    });
    const hint = choice ? "" : ` (in the fit: ${shown(covariate.low, 2)} to ${shown(covariate.high, 2)})`;
    return element("p", { class: "field" }, [element("label", { for: id }, [`${covariate.name}${hint}`]), field]);
  });
  byId("covariates").replaceChildren(...fields);
  byId("covariates-box").hidden = !fields.length;
}

function choiceField(covariate, id) {
  const options = covariate.options.map(([value, words]) => element("option", { value }, [words]));
  return element("select", { id }, [element("option", { value: "" }, ["choose"]), ...options]);
}

function numberField(id) {
  return element("input", { id, type: "text", inputmode: "decimal", autocomplete: "off" });
}

// From dates to months, or back if there is a start, so that what was typed is not lost.
function converted(page, form, text) {
  const months = monthsOf(page, form, text);
  if (form.mode === "dates") return Number.isNaN(months) ? "" : shown(months, 2);
  const start = parseDate(form.start);
  return Number.isNaN(months) || Number.isNaN(start) ? "" : dateText(start + months * page.daysPerMonth);
}

function changeMode(state, mode) {
  const { page, form } = state;
  form.samples.forEach((row) => {
    row.when = converted(page, form, row.when);
  });
  form.other = converted(page, form, form.other);
  form.mode = mode;
  if (mode === "months" && form.landmark === "today") {
    form.landmark = "last";
    byId("landmark-last").checked = true;
  }
  showMode(state);
  changed(state);
}

function showMode(state) {
  const dates = state.form.mode === "dates";
  byId("start-box").hidden = !dates;
  byId("today-box").hidden = !dates;
  byId("other").setAttribute("type", dates ? "date" : "text");
  byId("other-word").textContent = dates ? "day" : "month";
  byId("other").value = state.form.other;
  showSamples(state);
}

function changed(state) {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => update(state), DELAY);
}

// Reads what was typed, computes, and shows the result.
function update(state) {
  const { page, form } = state;
  const touched = form.samples.some((row) => row.when || row.value);
  const { patient, problems, notes } = readPatient(page, form);
  markProblems(state, touched ? problems : []);
  showList("problems", touched ? problems.map(({ text }) => text) : []);
  showList("notes", touched ? notes : []);
  byId("results").hidden = patient === null;
  byId("waiting").hidden = patient !== null;
  if (patient === null) {
    byId("said").textContent = touched && problems.length ? "No result: something is missing or wrong." : "";
    return;
  }
  showResults(state, patient);
}

function showList(id, texts) {
  byId(id).replaceChildren(...texts.map((text) => element("li", {}, [text])));
  byId(`${id}-box`).hidden = !texts.length;
}

function markProblems(state, problems) {
  state.marked.forEach((id) => byId(id) && byId(id).removeAttribute("aria-invalid"));
  state.marked = problems.map(({ field }) => field).filter((id) => byId(id) && id !== "samples");
  state.marked.forEach((id) => byId(id).setAttribute("aria-invalid", "true"));
}

function showResults(state, patient) {
  const { page, form } = state;
  const last = Math.max(page.followUp - patient.landmark, 0) + page.extrapolated;
  const curve = Array.from({ length: POINTS }, (_, k) => (k * last) / (POINTS - 1));
  const asked = TABLE_MONTHS.filter((h) => h <= last);
  const table = asked.length ? asked : [Math.max(1, Math.floor(last))];
  const found = predict(state.ready, patient, [...curve, ...table]);
  if (![...found.classes, ...found.survival.value].every(Number.isFinite)) {
    byId("results").hidden = true;
    showList("problems", ["These values are too unlike those of the fit's patients for a result to be computed."]);
    return;
  }
  const part = ({ value, lower, upper }, from, to) => ({
    value: value.slice(from, to),
    lower: lower && lower.slice(from, to),
    upper: upper && upper.slice(from, to),
  });
  const later = part(found.survival, POINTS);
  const start = form.mode === "dates" ? parseDate(form.start) : null;
  byId("class-rows").replaceChildren(...classRows(page, found.classes));
  byId("survival-rows").replaceChildren(...survivalRows(page, patient, table, later, start));
  const incidence = found.incidence.map((each) => part(each, POINTS));
  byId("incidence-rows").replaceChildren(...incidenceRows(page, patient, table, incidence));
  byId("date-head").hidden = start === null;
  byId("picture").replaceChildren(survivalPicture(page, patient, curve, part(found.survival, 0, POINTS)));
  const from = start === null ? "" : `, ${dateText(start + patient.landmark * page.daysPerMonth)}`;
  byId("from").textContent = `${shown(patient.landmark, 1)} months after the start of treatment${from}`;
  byId("used").textContent = `${patient.samples.length} sample${patient.samples.length > 1 ? "s" : ""}`;
  say(page, found, table, later);
}

// The result in a sentence, for screen readers.
function say(page, found, table, survival) {
  const g = found.classes.indexOf(Math.max(...found.classes));
  const k = Math.max(table.indexOf(12), 0);
  const interval = survival.lower === null ? "" : ` (${page.interval}: ${intervalText(survival, k)})`;
  const first = found.classes.length > 1 ? `Most probable class: ${page.classes[g].label}, ${percentText(found.classes[g])}. ` : "";
  const probability = `Probability of being ${page.free} ${table[k]} months later: ${percentText(survival.value[k])}`;
  byId("said").textContent = `${first}${probability}${interval}.`;
}

function listen(state) {
  const { form } = state;
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("mode-dates", "change", () => changeMode(state, "dates"));
  on("mode-months", "change", () => changeMode(state, "months"));
  on("start", "input", () => {
    form.start = byId("start").value;
    changed(state);
  });
  on("other", "input", () => {
    form.other = byId("other").value;
    form.landmark = "other";
    byId("landmark-other").checked = true;
    changed(state);
  });
  ["last", "today", "other"].forEach((kind) =>
    on(`landmark-${kind}`, "change", () => {
      form.landmark = kind;
      changed(state);
    })
  );
  on("add", "click", () => {
    form.samples.push(emptySample(state.page));
    showSamples(state);
    byId(`when${form.samples.length - 1}`).focus();
  });
  on("clear", "click", () => {
    byId("form").reset();
    begin(state);
  });
  on("print", "click", () => window.print());
}

function begin(state) {
  const { page } = state;
  const covariates = {};
  page.covariates.forEach(({ name }) => {
    covariates[name] = "";
  });
  Object.assign(state.form, {
    mode: "dates",
    start: "",
    samples: [emptySample(page), emptySample(page), emptySample(page)],
    covariates,
    landmark: "last",
    other: "",
    today: today(),
  });
  showMode(state);
  showCovariates(state);
  update(state);
}

function start() {
  const page = JSON.parse(byId("data").textContent);
  const state = { page, ready: withDraws(page.model), form: {}, marked: [], timer: 0 };
  listen(state);
  begin(state);
  byId("form").hidden = false;
}

if (typeof document !== "undefined") start();
