import type { TenantId } from '../core/identifiers.ts';
import { untilWritten } from '../core/rows/table.ts';
import { BrokerError } from '../core/errors.ts';
import type { RunId, RunResults } from '../runs/store/run.ts';
import { planChanged } from '../runs/store/stored-plan.ts';
import { open, type Stage } from './life.ts';

type Documents = Pick<RunResults, 'document' | 'putDocument'>;

export interface Stored {
  readonly stages: readonly Stage[];
  readonly version: string | undefined;
}

/** The stages of tenants that this process wrote last, with steps that it has not stored. Another one may have written since. */
export interface StagesMemory {
  get(key: string): Stored | undefined;
  set(key: string, stored: Stored): unknown;
  delete(key: string): unknown;
}

/** @returns the stage that follows, perhaps after another visit has written. Undefined: it stays. */
type Step = (stage: Stage) => Stage | undefined;

/**
 * What became of the changes of one tenant in an apply. Visits of one tenant may overlap: what was decided by stages that
 * another visit has changed since is decided again when it is stored.
 */
export class StoredStages {
  readonly #documents: Documents;
  readonly #runId: RunId;
  readonly #tenantId: TenantId;
  readonly #memory: StagesMemory;
  /** Whether no other process was seen to write. */
  readonly #isAlone: boolean;
  #stored: Stored;
  /** With the steps that are not stored yet. */
  #stages: readonly Stage[];
  #steps: readonly { readonly index: number; readonly next: Step }[] = [];

  private constructor(
    documents: Documents,
    runId: RunId,
    tenantId: TenantId,
    { memory, isAlone, stored }: { readonly memory: StagesMemory; readonly isAlone: boolean; readonly stored: Stored },
  ) {
    this.#documents = documents;
    this.#runId = runId;
    this.#tenantId = tenantId;
    this.#memory = memory;
    this.#isAlone = isAlone;
    this.#stored = stored;
    this.#stages = stored.stages;
  }

  /**
   * @param count changes of the tenant.
   * @param isExpected whether an earlier visit has stored a step. Without what it stored, a change could be sent twice.
   * `unlikely`: nothing is read. If there is something all the same, the first step that is stored meets it.
   * @param memory of this process. Absent: the stages are read.
   * @throws BrokerError plan_changed if the stages of some changes are missing; storage_unavailable.
   */
  static async load(
    documents: Documents,
    runId: RunId,
    tenantId: TenantId,
    {
      count,
      isExpected,
      memory,
    }: { readonly count: number; readonly isExpected: boolean | 'unlikely'; readonly memory?: StagesMemory },
  ): Promise<StoredStages> {
    const key = `${runId}/${tenantId}`;
    const known = memory?.get(key);
    // A visit that stores nothing leaves nothing, so the next one reads.
    memory?.delete(key);
    const stored =
      known ?? (isExpected === 'unlikely' ? nothing(count) : await read(documents, runId, tenantId, count));
    if (isExpected === true && stored.version === undefined) throw planChanged(runId);
    return new StoredStages(documents, runId, tenantId, {
      memory: memory ?? new Map<string, Stored>(),
      isAlone: known !== undefined,
      stored,
    });
  }

  get all(): readonly Stage[] {
    return this.#stages;
  }

  /** Whether a visit has begun the tenant. */
  get isBegun(): boolean {
    return this.#stored.version !== undefined;
  }

  /** Takes a step that is stored with the next one, or by {@link leave}. It may be lost: then a later visit repeats it. */
  take(index: number, next: Step): void {
    const after = next(this.#stages[index] ?? open);
    if (after === undefined) return;
    this.#stages = this.#stages.with(index, after);
    this.#steps = [...this.#steps, { index, next }];
  }

  /**
   * Stores a step of one change, and those that were taken before.
   * @param next called again if somebody else has written.
   * @returns the stage that is stored now.
   * @throws BrokerError storage_unavailable; what `next` throws.
   */
  async step(index: number, next: Step): Promise<Stage> {
    this.take(index, next);
    await this.#store();
    return this.#stages[index] ?? open;
  }

  /**
   * Ends the visit. Steps of a tenant whose changes were accepted and do not show yet are only remembered, if this process
   * made those before them, too.
   * @throws BrokerError storage_unavailable; what the steps throw.
   */
  async leave(): Promise<void> {
    const isShort = (stage: Stage): boolean => stage.at !== 'sent' || stage.acceptedAtMs !== undefined;
    const isDone = this.#stages.every(({ at }) => at === 'done');
    if (!this.#isAlone || isDone || !this.#stages.every(isShort)) await this.#store();
    else this.#remember({ stages: this.#stages, version: this.#stored.version });
  }

  #remember(stored: Stored): void {
    this.#memory.set(`${this.#runId}/${this.#tenantId}`, stored);
  }

  async #store(): Promise<void> {
    try {
      await untilWritten(
        8,
        (attempt) => this.#write(attempt),
        () => {
          throw new BrokerError('storage_unavailable', 'Others write what became of the changes at the same time.');
        },
      );
    } finally {
      this.#stages = this.#stored.stages;
      this.#steps = [];
    }
  }

  /** @returns undefined if somebody else has written. */
  async #write(attempt: number): Promise<true | undefined> {
    if (attempt > 1) await this.#repeat();
    if (this.#stages === this.#stored.stages) return true;
    const stages = this.#stages;
    const text = JSON.stringify({ stages });
    const version = await this.#documents.putDocument(this.#runId, this.#tenantId, text, this.#stored.version);
    if (version === undefined) return undefined;
    this.#stored = { stages, version };
    this.#remember(this.#stored);
    return true;
  }

  /** Takes the steps again, from what somebody else has stored. */
  async #repeat(): Promise<void> {
    this.#stored = await read(this.#documents, this.#runId, this.#tenantId, this.#stages.length);
    this.#stages = this.#stored.stages;
    const steps = this.#steps;
    this.#steps = [];
    for (const { index, next } of steps) this.take(index, next);
  }
}

const nothing = (count: number): Stored => ({ stages: Array.from({ length: count }, () => open), version: undefined });

async function read(documents: Documents, runId: RunId, tenantId: TenantId, count: number): Promise<Stored> {
  const document = await documents.document(runId, tenantId);
  if (document === undefined) return nothing(count);
  const { stages } = JSON.parse(document.text) as { readonly stages: readonly Stage[] };
  // One that is missing would count as open, and its change be sent again.
  if (stages.length !== count) throw planChanged(runId);
  return { stages, version: document.version };
}
