import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { HealthReportAnswer } from '../../lib/api/answers/health.ts';
import { wholeNumberOption } from '../options.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { print, say } from '../sign-in/output.ts';
import { writeWhole } from '../whole-file.ts';

interface ReportFlags extends ConnectionFlags {
  readonly html?: string;
  readonly rows: number;
  readonly json?: true;
}

/** `ptb report`: what all jobs say about one customer. */
export function registerReport(program: Command): void {
  const command = program
    .command('report')
    .argument('<tenant>', 'name, domain or id of the tenant')
    .description(
      'Show what the jobs last found in one tenant, what changed in about a month, and what could not be read.',
    )
    .option('--html <file>', 'write one printable page to this file')
    .option('--rows <n>', 'rows and changes of each job, 0 to 1,000', wholeNumberOption(0, 1_000), 10)
    .option('--json', 'one JSON document');
  addConnectionOptions(command).action(report);
}

async function report(tenant: string, { html, rows, json, ...flags }: ReportFlags): Promise<void> {
  const client = await connect(flags);
  const [{ readReport }, { brokerSource }] = await Promise.all([
    import('../../lib/api/report/read-report.ts'),
    import('../report/broker-source.ts'),
  ]);
  const read = await withTenant(client, tenant, (one) =>
    readReport(brokerSource(client), { tenant: one, limit: rows, nowMs: Date.now() }),
  );
  for (const warning of read.warnings) say(warning);
  if (html !== undefined) {
    const { reportPage } = await import('../report/report-page.ts');
    // A broker without tokens, which answers 503, can still tell what it has stored.
    const health = (await client.glance('/health').catch(() => ({}))) as Partial<HealthReportAnswer>;
    await writeWhole(html, Readable.from([Buffer.from(reportPage(read, health.partnerName))]));
    say(`Written to ${html}.`);
  }
  if (html !== undefined && json !== true) return;
  const { reportLines } = await import('../report/report-lines.ts');
  print(json, read, reportLines(read));
}
