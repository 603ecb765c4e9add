import type { TableClient } from '@azure/data-tables';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { type Logger, silentLogger } from '../../../src/lib/core/log.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { OutboxNotifier } from '../../../src/lib/notices/open-notices.ts';
import { announceByNotice } from '../../../src/lib/tenant-events/create-tenant-events.ts';
import type { ConsentAttempt, ConsentInTenants } from '../../../src/lib/tenant-events/consent-in-new.ts';
import { type AnnounceEvent, followTenants } from '../../../src/lib/tenant-events/follow-tenants.ts';
import type { TenantEvent } from '../../../src/lib/tenant-events/tenant-event.ts';
import { TableEventLog, TableToldStates } from '../../../src/lib/tenant-events/table-event-log.ts';
import type { Observations } from '../../../src/lib/tenant-events/event-log.ts';
import type { CompleteRead } from '../../../src/lib/tenants/directory.ts';
import { FakeClock, settle } from '../../fakes/fake-clock.ts';
import { Interrupter, type Interruption as DeliveryTrouble } from '../../fakes/interruption.ts';
import { MemoryOutbox } from '../../fakes/memory-outbox.ts';
import { TransactionTable } from '../../fakes/transaction-table.ts';
import { interruptedOutbox, noticesInstance } from '../../support/notices.ts';
import { Receivers } from './receivers.ts';

/** How one call to storage or to the outbox is interrupted. */
export const interruptions = ['killed before', 'killed after', 'refused', 'reply lost', 'sent twice'] as const;
type Interruption = (typeof interruptions)[number];

/** What a host may do until it is interrupted. */
export interface Trouble {
  /** Number of the call, from 1. */
  readonly at: number;
  readonly how: Interruption;
  /** Whether every later call is refused as well, as by a full disk. */
  readonly stays?: boolean;
}

/** No answer came. */
export const later: ConsentAttempt = {
  outcome: 'later',
  failure: { code: 'resource_error', detail: 'No answer.', nextStep: '' },
};

const never = (): Promise<never> => new Promise(() => undefined);
const refusal = (): Error => Object.assign(new Error('InternalError'), { statusCode: 500 });

/** What several hosts share: storage, the outbox, and the lists of Microsoft. */
export class Stage {
  readonly clock: FakeClock;
  readonly events = new TransactionTable();
  readonly told = new TransactionTable();
  /** Notices by id. To add one again changes nothing. */
  readonly outbox = new Map<string, TenantEvent>();
  /** What each announcement said about the next one. */
  readonly moreFollow: boolean[] = [];
  read: () => CompleteRead | undefined = () => undefined;
  observe: () => Observations | Promise<Observations> = () => ({
    tagsOf: () => [],
    consentOf: () => undefined,
    roleOf: () => undefined,
  });
  /** What Partner Center does with a consent. Absent: the broker does not consent. */
  consent: ((tenantId: TenantId) => ConsentAttempt | Promise<ConsentAttempt>) | undefined;
  log: Logger = silentLogger;
  /** What waits for the receivers, and what they have got. */
  readonly notices = new MemoryOutbox();
  readonly receivers = new Receivers();
  readonly #announce: AnnounceEvent;
  #ids = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
    const { targets } = this.receivers;
    const parts = { outbox: this.notices, targets, clock, log: silentLogger, filter: async () => true };
    // The campaign delivers after each look, when it also knows which process dies.
    const deliveries = { deliverDue: () => Promise.resolve() };
    this.#announce = announceByNotice(
      new OutboxNotifier({ ...parts, deliveries, background: (work) => work() }),
      undefined,
    );
  }

  /** Delivers what waits, as a new process. @param trouble how one of its calls is interrupted. */
  async deliver(trouble?: { readonly at: number; readonly how: DeliveryTrouble }): Promise<void> {
    const interrupter = new Interrupter(trouble?.at ?? 0, trouble?.how, refusal);
    const { deliveries } = noticesInstance({
      outbox: interruptedOutbox(interrupter, this.notices),
      targets: this.receivers.targets.map((target) => interrupter.wrap(target)),
      clock: this.clock,
      log: silentLogger,
    });
    await Promise.race([deliveries.deliverDue(), interrupter.killed]);
    await settle();
  }

  /** One pass of one host. Its process has its own memory. @returns what became of it, and the calls that it made. */
  async pass(trouble?: Trouble): Promise<{ outcome: string; calls: number }> {
    const host = new Host(trouble);
    const deps = { clock: this.clock, log: this.log, newId: () => `id-${(this.#ids += 1)}` };
    const work = followTenants({
      ...deps,
      eventLog: new TableEventLog(async () => host.over(this.events), deps),
      toldStates: new TableToldStates(async () => host.over(this.told)),
      completeReads: { completeRead: async () => host.step(async () => this.read()) },
      observe: async () => this.observe(),
      consent: this.#consentOf(host),
      announce: (event, moreFollow) =>
        host.step(async () => {
          this.moreFollow.push(moreFollow);
          await this.#announce(event, moreFollow);
          if (!this.outbox.has(event.id)) this.outbox.set(event.id, event);
        }),
    }).then(
      ({ outcome }) => outcome,
      (thrown: unknown) => {
        if (thrown instanceof BrokerError || (thrown instanceof Error && thrown.message === 'InternalError'))
          return 'failed';
        throw thrown;
      },
    );
    const outcome = await Promise.race([work, host.killed.then(() => 'killed')]);
    return { outcome, calls: host.calls };
  }

  #consentOf(host: Host): ConsentInTenants | undefined {
    const { consent } = this;
    if (consent === undefined) return undefined;
    return async (tenants) => {
      const results = new Map<TenantId, ConsentAttempt>();
      for (const { tenantId } of tenants)
        results.set(tenantId, await host.step(async () => consent(tenantId)).catch(() => later));
      return results;
    };
  }
}

/** A process, with what it has in its way. */
class Host {
  calls = 0;
  readonly killed: Promise<void>;
  readonly #trouble: Trouble | undefined;
  #die: () => void = () => undefined;
  #isDead = false;

  constructor(trouble: Trouble | undefined) {
    this.#trouble = trouble;
    this.killed = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  over(table: TransactionTable): TableClient {
    const step = <T>(work: () => Promise<T>): Promise<T> => this.step(work);
    return {
      createTable: () => this.step(() => table.createTable()),
      getEntity: (partition: string, row: string) => this.step(() => table.getEntity(partition, row)),
      upsertEntity: (row: never) => this.step(() => table.upsertEntity(row)),
      submitTransaction: (actions: never) => this.step(() => table.submitTransaction(actions)),
      listEntities: (query: never) => ({
        async *[Symbol.asyncIterator]() {
          const rows = await step(async () => table.listEntities(query));
          yield* rows;
        },
      }),
    } as unknown as TableClient;
  }

  async step<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isDead) return never();
    this.calls += 1;
    // Lets other hosts go on in between.
    await Promise.resolve();
    const { at = 0, how = 'refused', stays = false } = this.#trouble ?? {};
    if (at === 0 || (stays ? this.calls < at : this.calls !== at)) return work();
    if (how === 'killed before') return this.#kill();
    if (how === 'refused') throw refusal();
    await work();
    if (how === 'sent twice') return work();
    if (how === 'reply lost') throw refusal();
    return this.#kill();
  }

  #kill(): Promise<never> {
    this.#isDead = true;
    this.#die();
    return never();
  }
}
