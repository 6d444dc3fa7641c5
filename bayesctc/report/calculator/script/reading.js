// Turns what was typed into the form into a patient, with every problem and doubt in words.
//
// A form is {mode: "dates" or "months", start, samples: [{when, value, volume}], covariates: {name: text},
// landmark: "last", "today" or "other", other, today}; all of them text as typed, dates as 2026-11-26.

const MS_PER_DAY = 86400000;

// A number as typed, with a point or a comma; NaN if it is not one, or if a comma may separate thousands.
function parseNumber(text) {
  const trimmed = text.trim();
  if (/^[+-]?\d+,\d{3}$/.test(trimmed)) return NaN;
  const plain = trimmed.replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// Days since 1970 of a date such as 2026-11-26; NaN if it is not one.
function parseDate(text) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text.trim());
  if (!found) return NaN;
  const [year, month, day] = found.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / MS_PER_DAY : NaN;
}

function dateText(days) {
  return new Date(Math.round(days) * MS_PER_DAY).toISOString().slice(0, 10);
}

function shown(value, digits) {
  return String(Number(value.toFixed(digits)));
}

// Months since the start of treatment of a date or a number; NaN if it is neither.
function monthsOf(page, form, text) {
  if (form.mode === "months") return parseNumber(text);
  return (parseDate(text) - parseDate(form.start)) / page.daysPerMonth;
}

function readPatient(page, form) {
  const problems = [];
  const notes = [];
  const problem = (field, text) => problems.push({ field, text });
  if (form.mode === "dates" && Number.isNaN(parseDate(form.start))) {
    problem("start", "Start of treatment: give its date.");
    return { patient: null, problems, notes };
  }
  const samples = readSamples(page, form, problem, notes);
  const covariates = readCovariates(page, form, problem, notes);
  const landmark = readLandmark(page, form, samples, problem);
  if (problems.length) return { patient: null, problems, notes };
  const known = samples.filter((sample) => sample.time <= landmark + page.timeTolerance);
  if (!known.length) {
    problem("samples", `No sample up to ${shown(landmark, 1)} months. Give at least one.`);
    return { patient: null, problems, notes };
  }
  const later = samples.length - known.length;
  if (later) notes.push(`${later} sample${later > 1 ? "s" : ""} after the day from which survival is predicted: not used.`);
  if (landmark > page.followUp) {
    notes.push(
      `No patient in the fit was followed beyond ${shown(page.followUp, 1)} months, and this patient is at ` +
        `${shown(landmark, 1)} months. The whole curve is extrapolated.`
    );
  }
  return { patient: { landmark, samples: known, covariates }, problems, notes };
}

function readSamples(page, form, problem, notes) {
  const found = [];
  form.samples.forEach((row, k) => {
    if (!row.when.trim() && !row.value.trim()) return;
    const name = `Sample ${k + 1}`;
    const time = monthsOf(page, form, row.when);
    const value = parseNumber(row.value);
    const volume = page.volumes ? parseNumber(row.volume) : 1;
    if (Number.isNaN(time)) problem(`when${k}`, `${name}: give ${form.mode === "dates" ? "its date" : "its month, a number"}.`);
    if (!valueAllowed(page, value)) problem(`value${k}`, `${name}: the ${page.valueWord} has to be ${page.allowed}.`);
    if (!(volume > 0)) problem(`volume${k}`, `${name}: the volume has to be a number of mL above 0.`);
    doubtsOfSample(page, name, time, value, volume, notes);
    if (form.mode === "dates" && parseDate(row.when) > parseDate(form.today)) notes.push(`${name}: its date is in the future.`);
    found.push({ time, value, volume });
  });
  if (!found.length) problem("samples", "Give at least one sample.");
  return found.sort((a, b) => a.time - b.time);
}

function valueAllowed(page, value) {
  if (Number.isNaN(value) || value > page.most) return false;
  return page.whole ? Number.isInteger(value) && value >= 0 : page.least === null || value >= page.least;
}

function doubtsOfSample(page, name, time, value, volume, notes) {
  const outside = (x, [low, high]) => x < low - 1e-9 || x > high + 1e-9;
  const range = ([low, high]) => `${shown(low, 2)} to ${shown(high, 2)}`;
  if (outside(time, page.times)) {
    notes.push(`${name}: at ${shown(time, 2)} months; samples of the fit were taken at ${range(page.times)} months.`);
  }
  if (outside(value, page.values)) {
    notes.push(`${name}: ${value} is outside the range of the fit, ${range(page.values)}.`);
  }
  if (page.volumes && outside(volume, page.volumes)) {
    notes.push(`${name}: ${volume} mL; samples of the fit had ${range(page.volumes)} mL.`);
  }
}

function readCovariates(page, form, problem, notes) {
  const found = {};
  page.covariates.forEach((covariate, k) => {
    const text = form.covariates[covariate.name];
    if (covariate.levels.length) {
      found[covariate.name] = text;
      if (!covariate.levels.includes(text)) problem(`covariate${k}`, `${covariate.name}: choose one.`);
      return;
    }
    const value = parseNumber(text);
    found[covariate.name] = value;
    const range = `${shown(covariate.low, 4)} to ${shown(covariate.high, 4)}`;
    if (Number.isNaN(value)) problem(`covariate${k}`, `${covariate.name}: give a number.`);
    else if (value < covariate.low || value > covariate.high) {
      const said = `${covariate.name}: ${value} is outside the range of the fit, ${range}`;
      if (covariate.bounded) problem(`covariate${k}`, `${said}. No result can be computed there.`);
      else notes.push(`${said}.`);
    }
  });
  return found;
}

// Months at which the patient is known to be free of the event: the last sample or the start, today, or as given.
function readLandmark(page, form, samples, problem) {
  if (form.landmark === "last") return Math.max(0, ...samples.map((sample) => sample.time));
  const text = form.landmark === "today" ? form.today : form.other;
  const landmark = form.landmark === "today" ? monthsOf(page, Object.assign({}, form, { mode: "dates" }), text) : monthsOf(page, form, text);
  if (Number.isNaN(landmark)) problem("other", `Day from which survival is predicted: give ${form.mode === "dates" ? "a date" : "a month, a number"}.`);
  else if (landmark < 0) problem("other", "Day from which survival is predicted: this is before the start of treatment.");
  return landmark;
}
