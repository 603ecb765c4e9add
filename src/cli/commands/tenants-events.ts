import { type Command, Option } from 'commander';
import type { EventsAnswer, EventView } from '../../lib/api/answers/tenants.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import { type Clock, systemClock } from '../../lib/core/clock.ts';
import { eventKinds, eventSeverities } from '../../lib/tenant-events/tenant-event.ts';
import { type Line, styled } from '../line.ts';
import { timeForms, timeOption, wholeNumberOption } from '../options.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { type SelectedTenants, type TenantFlags, withTenants } from '../remote/chosen-tenants.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { tenantForms } from '../remote/named-tenants.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';

interface EventsFlags extends ConnectionFlags, TenantFlags {
  readonly kind?: string;
  readonly since?: string;
  readonly limit: number;
  readonly watch?: true;
  readonly json?: true;
}

const maxPerPage = 500;
/** The broker looks at the tenants every ten minutes. */
const pauseMs = 15_000;

/** `ptb tenants events`. */
export function registerTenantEvents(tenants: Command): void {
  const command = tenants
    .command('events')
    .description(
      'Show what happened to customer tenants, newest first: access, relationships, consent, roles, exclusion, tags.',
    )
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .addOption(new Option('--kind <kind>', 'only events of this kind').choices(eventKinds))
    .option('--since <time>', `only events that were noticed since then: ${timeForms}`, timeOption)
    .option('--limit <n>', 'maximum number of events, 1 to 10000', wholeNumberOption(1, 10_000), 100)
    .option('--watch', 'show these events oldest first, then later ones as they come, until Ctrl+C')
    .option('--json', 'one JSON document; with --watch, one line of JSON for each event');
  const action = interruptible<EventsFlags>(async (flags, signal) => {
    const client = await connect(flags);
    await withTenants(client, flags, (selected) =>
      showEvents(client, { ...flags, selected }, { signal, clock: systemClock }),
    );
  });
  addConnectionOptions(command).action(action);
}

interface Asked extends Pick<EventsFlags, 'kind' | 'since'> {
  readonly selected: SelectedTenants;
}

async function showEvents(
  client: Pick<BrokerClient, 'get'>,
  { limit, watch, json, ...asked }: EventsFlags & Asked,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<void> {
  const { events, isCut } = await readEvents(client, asked, { limit });
  if (!watch) {
    const rows = events.map((event) => [exactTime(event.at), event.tenantName, kindOf(event), event.explanation]);
    const columns = [
      { head: 'noticed', min: 16 },
      { head: 'tenant', min: 16 },
      'event',
      { head: 'what happened', min: 30, wrap: true },
    ];
    print(json, { events }, events.length === 0 ? ['There are no such events.'] : table(columns, rows));
    if (isCut) say('There may be more events. Raise --limit or choose a later --since.');
    return;
  }
  const show = (shown: readonly EventView[]): void => {
    for (const event of shown.toReversed()) print(json, event, [eventLine(event)]);
  };
  show(events);
  let after = events[0]?.sequence ?? 0;
  for (;;) {
    await clock.sleep(pauseMs, signal);
    try {
      const { events: later } = await readEvents(client, asked, { limit: Number.MAX_SAFE_INTEGER, after });
      show(later);
      after = later[0]?.sequence ?? after;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      if (!error.transient) throw thrown;
      say(`The broker does not answer now (${error.code}). The next try is in ${pauseMs / 1000} seconds.`);
    }
  }
}

async function readEvents(
  client: Pick<BrokerClient, 'get'>,
  { kind, since, selected: { one, query } }: Asked,
  { limit, after }: { readonly limit: number; readonly after?: number },
): Promise<{ readonly events: readonly EventView[]; readonly isCut: boolean }> {
  const path = one === undefined ? '/events' : `/tenants/${encodeURIComponent(one)}/events`;
  const found: EventView[] = [];
  let continuation: string | undefined;
  do {
    const page = (await client.get(path, {
      ...query,
      kind,
      since,
      ...(after === undefined ? {} : { after: String(after) }),
      limit: String(Math.min(maxPerPage, limit - found.length)),
      continuation,
    })) as EventsAnswer;
    found.push(...page.events);
    continuation = page.continuation;
  } while (continuation !== undefined && found.length < limit);
  return { events: found, isCut: continuation !== undefined };
}

// A newer broker may know further kinds.
const severities: Readonly<Partial<Record<string, string>>> = eventSeverities;

const kindOf = ({ kind }: EventView) => ((severities[kind] ?? 'info') === 'info' ? kind : styled('warn', kind));

/** An event for a person. @param tenant is named in it. */
export const eventLine = (event: EventView, tenant: readonly string[] = [`${event.tenantName}: `]): Line => [
  `${exactTime(event.at)}  `,
  ...tenant,
  kindOf(event),
  `. ${event.explanation}${event.advice === undefined ? '' : ` ${event.advice}`}`,
];
