import type { HealthStatus } from '../tokens/credential/credential-journal.ts';
import type { AppMetrics, Counter, Histogram } from '../core/metrics.ts';
import type { HealthReport } from './health-reporter.ts';

/** What a scrape shows beside the counts of the process. */
export interface MetricFacts {
  readonly metrics: AppMetrics;
  readonly health: HealthReport;
  /** Tokens that this process has handed out, and how many of them came from its cache. */
  readonly tokens: { readonly issued: number; readonly fromCache: number };
  /** Operations of this process that wait for a slot, by queue. */
  readonly waiting: Readonly<Record<'entra' | 'resources' | 'tenants', number>>;
  /** Requests through the gateway that wait, by resource. */
  readonly gatewayWaiting: ReadonlyMap<string, number>;
  /** Undefined if storage did not answer. */
  readonly runs: RunFacts | undefined;
  readonly process: ProcessFacts;
}

/** What storage knows of runs. It is the same on every instance. */
export interface RunFacts {
  readonly active: readonly { readonly job: string; readonly runs: number }[];
  readonly lag: readonly { readonly job: string; readonly seconds: number }[];
}

/** What Node.js knows of the process. */
export interface ProcessFacts {
  readonly startedAtSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** The text that `GET /api/metrics` answers with. Pure. */
export const metricsText = (facts: MetricFacts): string =>
  exposition([
    ...requestFamilies(facts),
    ...credentialFamilies(facts),
    ...healthFamilies(facts),
    ...loadFamilies(facts),
  ]);

function requestFamilies({ metrics, tokens }: MetricFacts): readonly Family[] {
  return [
    counter('ptb_http_requests_total', 'Requests to the API, by function and HTTP status.', metrics.httpRequests),
    counter('ptb_tokens_total', 'Audit records of tokens, by outcome, resource and code.', metrics.tokens),
    {
      name: 'ptb_broker_tokens_total',
      type: 'counter',
      help: 'Tokens for callers, jobs and the gateway, by where they came from.',
      lines: [
        { labels: { source: 'cache' }, value: tokens.fromCache },
        { labels: { source: 'entra' }, value: tokens.issued - tokens.fromCache },
      ],
    },
    counter(
      'ptb_gateway_requests_total',
      'Audit records of requests through the gateway, by outcome, resource and code.',
      metrics.gatewayRequests,
    ),
    histogram(
      'ptb_redemption_duration_seconds',
      'Time that Entra took for a token request, by outcome.',
      metrics.redemptions,
    ),
    histogram(
      'ptb_audit_write_duration_seconds',
      'Time until an audit record was durable, by outcome.',
      metrics.auditWrites,
    ),
  ];
}

function credentialFamilies({ health }: MetricFacts): readonly Family[] {
  const ends: Line[] = [];
  const obtained: Line[] = [];
  const rotated: Line[] = [];
  for (const { application, obtainedAt, expiresAt, clientCredential, lastRotation } of health.applications) {
    const endOf = (part: string, at: string | undefined): void => push(ends, { application, part }, at);
    endOf('refresh_token', expiresAt);
    endOf('client_credential', clientCredential?.endsAt);
    push(obtained, { application }, obtainedAt);
    push(rotated, { application }, lastRotation);
  }
  return [
    gauge('ptb_credential_expiry_timestamp_seconds', 'When a part of the credential expires.', ends),
    gauge('ptb_credential_obtained_timestamp_seconds', 'When the refresh token was obtained.', obtained),
    gauge('ptb_credential_rotated_timestamp_seconds', 'When the refresh token was last rotated.', rotated),
    gauge(
      'ptb_credential_level',
      'State of a credential: 0 ok, 1 degraded, 2 down.',
      health.applications.map(({ application, state }) => ({ labels: { application }, value: levelOf[state.status] })),
    ),
  ];
}

function push(lines: Line[], labels: Line['labels'], at: string | undefined): void {
  if (at !== undefined) lines.push({ labels, value: Date.parse(at) / 1000 });
}

const levelOf: Readonly<Record<HealthStatus, number>> = { ok: 0, degraded: 1, down: 2 };

function healthFamilies({ health }: MetricFacts): readonly Family[] {
  const parts: Readonly<Record<string, HealthStatus>> = {
    broker: health.status,
    policy: health.policy.status,
    storage: health.storage.status,
    key_vault: health.keyVault.status,
    notifications: health.notifications.status,
    tenants: health.tenants.status,
    permission_map: health.permissionMap.status,
    settings: health.settings.status,
    audit_checkpoints: health.auditCheckpoints.status,
  };
  const lines = Object.entries(parts).map(([part, status]) => ({ labels: { part }, value: levelOf[status] }));
  return [gauge('ptb_health_level', 'State of a part, as in GET /api/health: 0 ok, 1 degraded, 2 down.', lines)];
}

function loadFamilies({ waiting, gatewayWaiting, runs, process }: MetricFacts): readonly Family[] {
  const one = (value: number): readonly Line[] => [{ labels: {}, value }];
  // Not `job`: Prometheus has a label of this name, and would rename ours.
  const jobs = (samples: readonly { readonly job: string; readonly value: number }[]): readonly Line[] =>
    samples.map(({ job, value }) => ({ labels: { job_name: job }, value }));
  const { active = [], lag = [] } = runs ?? {};
  return [
    gauge(
      'ptb_queue_length',
      'Operations that wait for a place: token requests to Entra, requests of jobs to resources, tenants of runs.',
      Object.entries(waiting).map(([queue, value]) => ({ labels: { queue }, value })),
    ),
    gauge(
      'ptb_gateway_queue_length',
      'Requests through the gateway that wait for a place at their resource.',
      [...gatewayWaiting].map(([resource, value]) => ({ labels: { resource }, value })),
    ),
    gauge(
      'ptb_active_runs',
      'Runs that are pending or running.',
      jobs(active.map(({ job, runs: value }) => ({ job, value }))),
    ),
    gauge(
      'ptb_run_lag_seconds',
      'Time since the latest scheduled time of a job whose run has not ended; 0 if it has.',
      jobs(lag.map(({ job, seconds: value }) => ({ job, value }))),
    ),
    gauge('ptb_runs_readable', 'Whether storage told about runs: 1 or 0.', one(runs === undefined ? 0 : 1)),
    gauge('process_start_time_seconds', 'Start of the process, in Unix time.', one(process.startedAtSeconds)),
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Processor time of the process.',
      lines: one(process.cpuSeconds),
    },
    gauge('process_resident_memory_bytes', 'Memory of the process.', one(process.residentBytes)),
  ];
}

const gauge = (name: string, help: string, lines: readonly Line[]): Family => ({ name, type: 'gauge', help, lines });

const labelled = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));

const counter = (name: string, help: string, { labelNames, samples }: Counter): Family => ({
  name,
  type: 'counter',
  help,
  lines: samples.map(({ labels, value }) => ({ labels: labelled(labelNames, labels), value })),
});

const histogram = (name: string, help: string, { labelNames, bounds, samples }: Histogram): Family => ({
  name,
  type: 'histogram',
  help,
  lines: samples.flatMap(({ labels: values, value: { counts, sum } }): readonly Line[] => {
    const labels = labelled(labelNames, values);
    let total = 0;
    const buckets = counts.map((count, index): Line => {
      total += count;
      const le = bounds[index] === undefined ? '+Inf' : String(bounds[index]);
      return { suffix: '_bucket', labels: { ...labels, le }, value: total };
    });
    return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: total }];
  }),
});

/** Media type of the text of Prometheus, version 0.0.4 (Prometheus documentation, "Exposition formats"). */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** One line: a suffix of the metric's name, its labels and its value. */
interface Line {
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its lines. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence. */
  readonly help: string;
  readonly lines: readonly Line[];
}

/** The text of all families that have a line. */
export const exposition = (families: readonly Family[]): string =>
  families
    .filter(({ lines }) => lines.length > 0)
    .map(
      ({ name, type, help, lines }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.map((line) => textOf(name, line)).join('')}`,
    )
    .join('');

function textOf(name: string, { suffix, labels, value }: Line): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${suffix ?? ''}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
}

const escaped = (text: string): string =>
  text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`).replaceAll('\n', String.raw`\n`);

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
