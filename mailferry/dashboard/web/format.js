// Numbers, sizes and times in words.

const number = new Intl.NumberFormat("en");
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];

export const count = (value) => number.format(value);

export const some = (value, single, many = `${single}s`) => `${count(value)} ${value === 1 ? single : many}`;

export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit ? one.format(value) : count(Math.round(value))} ${UNITS[unit]}`;
}

/** Messages a second or, when they are few, a minute. */
export function pace(perSecond) {
  if (perSecond >= 1) return `${perSecond < 10 ? one.format(perSecond) : count(Math.round(perSecond))}/s`;
  return `${one.format(perSecond * 60)}/min`;
}

export function duration(seconds) {
  if (seconds < 60) return "under a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return both(`${hours} h`, minutes % 60, "min");
  return both(`${Math.floor(hours / 24)} days`, hours % 24, "h");
}

const both = (whole, rest, unit) => (rest ? `${whole} ${rest} ${unit}` : whole);

export const when = (iso) => moment.format(new Date(iso));

export const atTime = (date) => clock.format(date);

export function ago(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return when(iso);
}

/** A part of a whole in per cent; what is not whole is never shown as 100. */
export function percent(part, whole) {
  if (!whole) return "0%";
  return `${part >= whole ? 100 : Math.min(99, Math.floor((part / whole) * 100))}%`;
}
