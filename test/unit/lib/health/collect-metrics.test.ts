import { readFileSync } from 'node:fs';
import parse from 'parse-prometheus-text-format';
import { expect, it } from 'vitest';
import { collectedFacts } from '../../../support/metric-facts.ts';
import { metricsText } from '../../../../src/lib/health/collect-metrics.ts';
import { exposition } from '../../../../src/lib/health/exposition.ts';

const families = () => parse(metricsText(collectedFacts()));
const family = (name: string) => families().find((each) => each.name === name);

it('an independent parser reads the counts', () => {
  expect(family('ptb_http_requests_total')).toMatchObject({
    type: 'COUNTER',
    metrics: [{ labels: { route: 'tokens', status: '200' }, value: '2' }],
  });
  expect(family('ptb_broker_tokens_total')?.metrics).toEqual([
    { labels: { source: 'cache' }, value: '6' },
    { labels: { source: 'entra' }, value: '4' },
  ]);
  expect(family('ptb_queue_length')?.metrics).toContainEqual({ labels: { queue: 'entra' }, value: '3' });
  expect(family('ptb_run_lag_seconds')?.metrics).toEqual([{ labels: { job: 'licence-report' }, value: '90' }]);
});

it('buckets of a histogram are cumulative and end with all observations', () => {
  const lines = metricsText(collectedFacts()).split('\n');
  expect(lines.filter((line) => line.startsWith('ptb_redemption_duration_seconds_'))).toEqual([
    'ptb_redemption_duration_seconds_bucket{outcome="ok",le="0.1"} 0',
    'ptb_redemption_duration_seconds_bucket{outcome="ok",le="0.25"} 1',
    ...['0.5', '1', '2.5', '5', '10', '15'].map(
      (bound) => `ptb_redemption_duration_seconds_bucket{outcome="ok",le="${bound}"} 2`,
    ),
    'ptb_redemption_duration_seconds_bucket{outcome="ok",le="+Inf"} 3',
    'ptb_redemption_duration_seconds_sum{outcome="ok"} 20.7',
    'ptb_redemption_duration_seconds_count{outcome="ok"} 3',
  ]);
  expect(family('ptb_redemption_duration_seconds')?.type).toBe('HISTOGRAM');
});

it('ends of credentials are Unix times, and levels are numbers', () => {
  expect(family('ptb_credential_expiry_timestamp_seconds')?.metrics).toEqual([
    {
      labels: { application: 'default', part: 'refresh_token' },
      value: String(Date.parse('2027-02-22T03:00:00Z') / 1000),
    },
    {
      labels: { application: 'default', part: 'client_credential' },
      value: String(Date.parse('2026-12-04T00:00:00Z') / 1000),
    },
  ]);
  expect(family('ptb_credential_level')?.metrics).toEqual([{ labels: { application: 'default' }, value: '1' }]);
  expect(family('ptb_health_level')?.metrics).toContainEqual({ labels: { part: 'storage' }, value: '2' });
});

it('runs are left out while storage does not tell about them', () => {
  const names = parse(metricsText({ ...collectedFacts(), runs: undefined })).map(({ name }) => name);
  expect(names).not.toContain('ptb_run_lag_seconds');
  expect(names).toContain('ptb_runs_readable');
});

it('labels with quotes, backslashes and line breaks are escaped', () => {
  const text = String.raw`a "b" \ c`;
  const line = { labels: { l: `${text}\nd` }, value: Number.POSITIVE_INFINITY };
  const written = exposition([{ name: 'm', type: 'gauge', help: 'A metric.', lines: [line] }]);
  expect(written).toBe(`# HELP m A metric.\n# TYPE m gauge\nm{l="a \\"b\\" \\\\ c\\nd"} +Inf\n`);
});

it('docs/metrics.md lists every metric with its type and labels, and no other', () => {
  const rows = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*)\|/gm)];
  const documented = rows.map(
    ([, name, type, labels = '']) => `${name} ${type} ${labels.replaceAll(/[`,]/g, '').trim()}`,
  );
  const text = metricsText(collectedFacts());
  const written = families().map(({ name, type }) => {
    const labels = new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'm').exec(text)?.[1] ?? '';
    const labelNames = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
    return `${name} ${type.toLowerCase()} ${labelNames.join(' ')}`;
  });
  expect(documented.toSorted()).toEqual(written.toSorted());
});
