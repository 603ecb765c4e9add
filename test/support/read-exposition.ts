/*
 * Reads the text format of Prometheus, version 0.0.4, by the rules of its documentation: "Exposition formats", "Data model",
 * "Metric and label naming" and "Jobs and instances". Shares no code with the app. It is stricter than Prometheus: it takes no
 * timestamps and comments, which the app does not write.
 */

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its samples. */
export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** Prometheus adds `job` and `instance` to each sample, and renames such a label of the app. Names with `__` are its own. */
const labelName = /^(?!__|job$|instance$|le$|quantile$)[a-zA-Z_][a-zA-Z0-9_]*$/;
const number = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;
const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/** @throws Error for the first rule that the text breaks. */
export function readExposition(text: string): readonly ReadFamily[] {
  const refuse = (rule: string): never => {
    throw new Error(rule);
  };
  if (!text.endsWith('\n')) refuse('the last line has no end');
  const families: ReadFamily[] = [];
  for (const line of text.slice(0, -1).split('\n')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    const current = families.at(-1);
    if (word === 'HELP') {
      if (!metricName.test(name)) refuse(`no name of a metric: ${name}`);
      if (families.some((family) => family.name === name)) refuse(`${name} has two groups`);
      if (/\\(?![n\\])/.test(rest)) refuse(`${name} has a wrong escape in its help`);
      families.push({ name, type: '', help: rest, samples: [] });
    } else if (word === 'TYPE') {
      if (current?.name !== name || current.type !== '' || current.samples.length > 0)
        refuse(`TYPE of ${name} is late`);
      if (!types.includes(rest)) refuse(`${rest} is no type`);
      families[families.length - 1] = { ...(current as ReadFamily), type: rest };
    } else if (current === undefined || current.type === '') refuse(`a line before a TYPE: ${line}`);
    else families[families.length - 1] = { ...current, samples: [...current.samples, readSample(line, refuse)] };
  }
  for (const family of families) checkFamily(family, refuse);
  return families;
}

type Refuse = (rule: string) => never;

function readSample(line: string, refuse: Refuse): Sample {
  const [, name = '', list = '', value = ''] =
    /^([^{\s]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? refuse(`no sample: ${line}`);
  if (!number.test(value)) refuse(`no number: ${value}`);
  const labels: Record<string, string> = {};
  let left = list;
  while (left !== '') {
    const [whole, label = '', escaped = ''] =
      /^([^="]+)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(left) ?? refuse(`no labels: ${left}`);
    if (Object.hasOwn(labels, label)) refuse(`the label ${label} twice`);
    labels[label] = escaped.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    left = left.slice(whole.length);
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkFamily({ name, type, samples }: ReadFamily, refuse: Refuse): void {
  if ((type === 'counter') !== name.endsWith('_total')) refuse(`${name}: counters end in _total, and nothing else`);
  if (samples.length === 0) refuse(`${name} has no sample`);
  const identities = samples.map((sample) => JSON.stringify([sample.name, byName(sample.labels)]));
  if (new Set(identities).size < samples.length) refuse(`${name} has a sample twice`);
  const labelSets = new Set(samples.map(({ labels }) => Object.keys(without(labels, 'le')).toSorted().join(' ')));
  if (labelSets.size > 1) refuse(`${name} has samples with other labels`);
  for (const sample of samples) {
    const isPart = type === 'histogram' && /^_(?:bucket|sum|count)$/.test(sample.name.slice(name.length));
    if (!sample.name.startsWith(name) || (sample.name !== name && !isPart) || (type === 'histogram' && !isPart))
      refuse(`${sample.name} is not of ${name}`);
    const own = sample.name === `${name}_bucket` ? without(sample.labels, 'le') : sample.labels;
    for (const label of Object.keys(own)) if (!labelName.test(label)) refuse(`${name}: ${label} is no label`);
    if (type === 'counter' && !(sample.value >= 0)) refuse(`${name} falls`);
  }
  if (type === 'histogram') checkHistogram(name, samples, refuse);
}

const byName = (labels: Sample['labels']): [name: string, value: string][] =>
  Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** "A histogram must have a bucket with {le="+Inf"}. Its value must be identical to the value of x_count." */
function checkHistogram(name: string, samples: readonly Sample[], refuse: Refuse): void {
  const series = Map.groupBy(samples, ({ labels }) => JSON.stringify(byName(without(labels, 'le'))));
  for (const parts of series.values()) {
    const one = (suffix: string): number =>
      parts.find((part) => part.name === name + suffix)?.value ?? refuse(`${name} has no ${suffix}`);
    const buckets = parts.filter((part) => part.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number((labels['le'] ?? 'none').replace('Inf', 'Infinity')));
    if (bounds.some((bound, place) => Number.isNaN(bound) || bound <= (bounds[place - 1] ?? -Infinity)))
      refuse(`${name}: bounds do not rise`);
    if (buckets.some(({ value }, place) => !Number.isInteger(value) || value < (buckets[place - 1]?.value ?? 0)))
      refuse(`${name}: buckets are not cumulative`);
    if (bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== one('_count')) refuse(`${name}: +Inf is not the count`);
    if (Number.isNaN(one('_sum'))) refuse(`${name} has no sum`);
  }
}

const without = (labels: Readonly<Record<string, string>>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([label]) => label !== name));
