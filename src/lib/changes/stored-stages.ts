import type { TenantId } from '../core/identifiers.ts';
import { untilWritten } from '../core/rows/table.ts';
import { BrokerError } from '../core/errors.ts';
import type { RunId, RunResults } from '../runs/store/run.ts';
import { planChanged } from '../runs/store/stored-plan.ts';
import { open, type Stage } from './life.ts';

type Documents = Pick<RunResults, 'document' | 'putDocument'>;

interface Stored {
  readonly stages: readonly Stage[];
  readonly version: string | undefined;
}

/** What became of the changes of one tenant in an apply, stored after each step. Visits of one tenant may overlap. */
export class StoredStages {
  readonly #documents: Documents;
  readonly #runId: RunId;
  readonly #tenantId: TenantId;
  #stored: Stored;

  private constructor(documents: Documents, runId: RunId, tenantId: TenantId, stored: Stored) {
    this.#documents = documents;
    this.#runId = runId;
    this.#tenantId = tenantId;
    this.#stored = stored;
  }

  /**
   * @param count changes of the tenant.
   * @param isExpected whether an earlier visit has stored a step. Without what it stored, a change could be sent twice.
   * @throws BrokerError plan_changed if the stages of some changes are missing; storage_unavailable.
   */
  static async load(
    documents: Documents,
    runId: RunId,
    tenantId: TenantId,
    { count, isExpected }: { readonly count: number; readonly isExpected: boolean },
  ): Promise<StoredStages> {
    const stored = await read(documents, runId, tenantId, count);
    if (isExpected && stored.version === undefined) throw planChanged(runId);
    return new StoredStages(documents, runId, tenantId, stored);
  }

  get all(): readonly Stage[] {
    return this.#stored.stages;
  }

  /** Whether a visit has begun the tenant. */
  get isBegun(): boolean {
    return this.#stored.version !== undefined;
  }

  /**
   * Stores a step of one change.
   * @param next gets the stage as it is stored, perhaps by another visit since. Undefined: it stays. Called again if somebody
   * else has written.
   * @returns the stage that is stored now.
   * @throws BrokerError storage_unavailable; what `next` throws.
   */
  step(index: number, next: (stage: Stage) => Stage | undefined): Promise<Stage> {
    return untilWritten(
      8,
      async (attempt) => {
        if (attempt > 1)
          this.#stored = await read(this.#documents, this.#runId, this.#tenantId, this.#stored.stages.length);
        const stage = this.#stored.stages[index] ?? open;
        const after = next(stage);
        if (after === undefined) return stage;
        const stages = this.#stored.stages.with(index, after);
        const text = JSON.stringify({ stages });
        const { version: known } = this.#stored;
        const version = await this.#documents.putDocument(this.#runId, this.#tenantId, text, known);
        if (version === undefined) return undefined;
        this.#stored = { stages, version };
        return after;
      },
      () => {
        throw new BrokerError('storage_unavailable', 'Others write what became of the changes at the same time.');
      },
    );
  }
}

async function read(documents: Documents, runId: RunId, tenantId: TenantId, count: number): Promise<Stored> {
  const document = await documents.document(runId, tenantId);
  if (document === undefined) return { stages: Array.from({ length: count }, () => open), version: undefined };
  const { stages } = JSON.parse(document.text) as { readonly stages: readonly Stage[] };
  // One that is missing would count as open, and its change be sent again.
  if (stages.length !== count) throw planChanged(runId);
  return { stages, version: document.version };
}
