import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { collectedFacts } from '../../../support/metric-facts.ts';
import { readExposition } from '../../../support/read-exposition.ts';
import { exposition, metricsText } from '../../../../src/lib/health/collect-metrics.ts';
import { AppMetrics } from '../../../../src/lib/core/metrics.ts';

const families = () => readExposition(metricsText(collectedFacts()));
const samplesOf = (name: string) =>
  families()
    .find((each) => each.name === name)
    ?.samples.map(({ labels, value }) => ({ labels, value }));

it('the text follows every rule of the format', () => {
  expect(families().map(({ type }) => type)).toEqual(expect.arrayContaining(['counter', 'gauge', 'histogram']));
  expect(samplesOf('ptb_http_requests_total')).toEqual([{ labels: { route: 'tokens', status: '200' }, value: 2 }]);
  expect(samplesOf('ptb_broker_tokens_total')).toEqual([
    { labels: { source: 'cache' }, value: 6 },
    { labels: { source: 'entra' }, value: 4 },
  ]);
  expect(samplesOf('ptb_queue_length')).toContainEqual({ labels: { queue: 'entra' }, value: 3 });
  expect(samplesOf('ptb_gateway_queue_length')).toEqual([{ labels: { resource: 'graph' }, value: 2 }]);
  expect(samplesOf('ptb_run_lag_seconds')).toEqual([{ labels: { job_name: 'licence-report' }, value: 90 }]);
});

it('is still in the format if nothing was counted yet', () => {
  const facts = collectedFacts();
  const text = metricsText({ ...facts, metrics: new AppMetrics(), gatewayWaiting: new Map(), runs: undefined });
  expect(readExposition(text).map(({ name }) => name)).not.toContain('ptb_tokens_total');
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
});

it('ends of credentials are Unix times, and levels are numbers', () => {
  expect(samplesOf('ptb_credential_expiry_timestamp_seconds')).toEqual([
    {
      labels: { application: 'default', part: 'refresh_token' },
      value: Date.parse('2027-02-22T03:00:00Z') / 1000,
    },
    {
      labels: { application: 'default', part: 'client_credential' },
      value: Date.parse('2026-12-04T00:00:00Z') / 1000,
    },
  ]);
  expect(samplesOf('ptb_credential_level')).toEqual([{ labels: { application: 'default' }, value: 1 }]);
  expect(samplesOf('ptb_health_level')).toContainEqual({ labels: { part: 'storage' }, value: 2 });
});

it('runs are left out while storage does not tell about them', () => {
  const names = readExposition(metricsText({ ...collectedFacts(), runs: undefined })).map(({ name }) => name);
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
  const rows = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^- `(\w+)` \((\w+)(?:; ([^)]*))?\): /gm)];
  const documented = rows.map(
    ([, name, type, labels = '']) => `${name} ${type} ${labels.replaceAll(/[`,]/g, '').trim()}`,
  );
  const written = families().map(({ name, type, samples: [sample] }) => {
    const labels = Object.keys(sample?.labels ?? {}).filter((label) => label !== 'le');
    return `${name} ${type} ${labels.join(' ')}`;
  });
  expect(documented.toSorted()).toEqual(written.toSorted());
});
