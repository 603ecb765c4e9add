import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { metricsText } from '../../../src/lib/health/collect-metrics.ts';
import { projectRoot } from '../../paths.ts';
import { collectedFacts } from '../../support/metric-facts.ts';
import { readExposition } from '../../support/read-exposition.ts';
import { problemsOf } from './kql.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

/** What the app exposes: the labels of each name that PromQL knows. Prometheus adds `job` and `instance`. */
const exposed = new Map(
  readExposition(metricsText(collectedFacts())).flatMap(({ name, type, samples }) => {
    const labels = new Set(['job', 'instance', ...samples.flatMap((sample) => Object.keys(sample.labels))]);
    const names = type === 'histogram' ? ['_bucket', '_count', '_sum'].map((end) => name + end) : [name];
    return names.map((each) => [each, labels] as const);
  }),
);

interface Used {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
  readonly isBroken: boolean;
}

/** What a query uses, by the grammar of Prometheus. */
function usedBy(query: string): Used {
  const found = { metrics: [] as string[], labels: [] as string[], isBroken: false };
  const text = query.replaceAll('$__rate_interval', '5m');
  parser.parse(text).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) found.isBroken = true;
      const word = text.slice(from, to);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') found.metrics.push(word);
      if (type.name === 'LabelName') found.labels.push(word);
    },
  });
  return found;
}

/** What is wrong with a query. */
function wrongIn(query: string, legend = ''): readonly string[] {
  const { metrics, labels, isBroken } = usedBy(query);
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  const known = new Set(metrics.flatMap((metric) => [...(exposed.get(metric) ?? [])]));
  return [
    ...(isBroken ? [`no PromQL: ${query}`] : []),
    ...(metrics.length === 0 ? [`no metric: ${query}`] : []),
    ...metrics.filter((metric) => !exposed.has(metric)).map((metric) => `unknown metric ${metric}`),
    ...[...labels, ...shown].filter((label) => !known.has(label)).map((label) => `unknown label ${label}: ${query}`),
    // A legend shows only what an aggregation keeps.
    ...(/ by \(/.test(query) ? shown.filter((label) => !labels.includes(label)) : []).map(
      (label) => `lost label ${label}: ${query}`,
    ),
  ];
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const grafana = JSON.parse(read('infra/dashboards/grafana.json')) as { readonly panels: readonly Panel[] };
const panels = grafana.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap((panel) => panel.targets ?? []);

describe('the dashboard for Grafana', () => {
  it('asks for metrics and labels that exist, in valid PromQL', () => {
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.flatMap(({ expr, legendFormat }) => wrongIn(expr, legendFormat))).toEqual([]);
  });

  it('says of each rate that it is right for one instance alone', () => {
    const rates = panels.filter(({ targets: shown = [] }) => shown.some(({ expr }) => expr.includes('rate(')));
    expect(rates.length).toBeGreaterThan(5);
    expect(rates.filter(({ description = '' }) => !description.includes('one instance alone'))).toEqual([]);
  });

  it('shows every metric', () => {
    const shown = new Set(targets.flatMap(({ expr }) => usedBy(expr).metrics.map(familyOf)));
    expect([...new Set([...exposed.keys()].map(familyOf))].filter((name) => !shown.has(name))).toEqual([]);
  });

  it('has panels that say what they show, with ids of their own, and none above another', () => {
    expect(panels.filter(({ title, description = '' }) => title === '' || description === '')).toEqual([]);
    expect(new Set(grafana.panels.map(({ id }) => id)).size).toBe(grafana.panels.length);
    const cells = grafana.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...grafana.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it('would fail for an unknown metric, an unknown or lost label, and a broken query', () => {
    expect(wrongIn('rate(ptb_token_total[5m])')).toEqual(['unknown metric ptb_token_total']);
    expect(wrongIn('sum by (tenant) (ptb_queue_length)')[0]).toMatch(/^unknown label tenant/);
    expect(wrongIn('sum by (queue) (ptb_queue_length)', '{{instance}}')[0]).toMatch(/^lost label instance/);
    expect(wrongIn('sum by (queue (ptb_queue_length)')[0]).toMatch(/^no PromQL/);
  });
});

const familyOf = (name: string): string => name.replace(/_seconds_(?:bucket|count|sum)$/, '_seconds');

it('the alerts of docs/metrics.md ask for metrics and labels that exist', () => {
  const alerts = [...read('docs/metrics.md').matchAll(/^ +expr: (.*)$/gm)].map(([, query = '']) => query);
  expect(alerts.length).toBeGreaterThan(3);
  expect(alerts.flatMap((query) => wrongIn(query))).toEqual([]);
});

describe('the workbook for Azure', () => {
  const workbook = JSON.parse(read('infra/dashboards/workbook.json')) as {
    readonly items: readonly { readonly type: number; readonly content: { readonly query?: string } }[];
  };
  const queries = workbook.items.flatMap(({ content: { query } }) => query ?? []);

  it('has valid queries over the documented tables', () => {
    expect(queries.length).toBeGreaterThan(6);
    expect(queries.flatMap(problemsOf)).toEqual([]);
  });

  it('asks for events that the app logs', () => {
    const listed = [...read('docs/log.md').matchAll(/^- (`[^:]+`): /gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    );
    const named = queries.flatMap((query) =>
      [...query.matchAll(/event (?:==|in|startswith) (\([^)]*\)|"[^"]*")/g)].flatMap(([, list = '']) =>
        [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
      ),
    );
    expect(named.length).toBeGreaterThan(6);
    expect(
      named.filter((name) => !listed.some((event) => (name.endsWith('.') ? event.startsWith(name) : event === name))),
    ).toEqual([]);
  });
});
