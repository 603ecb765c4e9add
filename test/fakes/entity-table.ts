import type { TableClient } from '@azure/data-tables';

interface Key {
  readonly partitionKey: string;
  readonly rowKey: string;
}
type Entity = Readonly<Record<string, unknown>>;
type UpdateMode = 'Merge' | 'Replace';

const refusal = (statusCode: number, code: string): Error =>
  Object.assign(new Error(code), { statusCode, details: { odataError: { code } } });

/**
 * One table of Azure Table storage in memory, as far as single rows go: versions, merges and conflicts. The tests in
 * test/contract show that Azurite does the same.
 */
export class EntityTable {
  readonly rows = new Map<string, Entity & { readonly etag: string }>();
  created = 0;
  /** Thrown by every request while set. */
  failure: Error | undefined;
  #versions = 0;

  createTable = async (): Promise<void> => {
    this.#failIfDue();
    this.created += 1;
  };

  getEntity = async (partitionKey: string, rowKey: string): Promise<Entity> => {
    const row = this.#find({ partitionKey, rowKey });
    if (row === undefined) throw refusal(404, 'ResourceNotFound');
    return row;
  };

  createEntity = async (entity: Key & Entity): Promise<{ etag: string }> => {
    if (this.#find(entity) !== undefined) throw refusal(409, 'EntityAlreadyExists');
    return this.#put(entity, {});
  };

  upsertEntity = async (entity: Key & Entity, mode: UpdateMode): Promise<void> => {
    this.#put(entity, mode === 'Merge' ? (this.#find(entity) ?? {}) : {});
  };

  updateEntity = async (
    entity: Key & Entity,
    mode: UpdateMode,
    { etag }: { readonly etag: string },
  ): Promise<{ etag: string }> => {
    const row = this.#find(entity);
    if (row === undefined) throw refusal(404, 'ResourceNotFound');
    if (row.etag !== etag) throw refusal(412, 'UpdateConditionNotSatisfied');
    return this.#put(entity, mode === 'Merge' ? row : {});
  };

  get client(): TableClient {
    return this as unknown as TableClient;
  }

  #find({ partitionKey, rowKey }: Key) {
    this.#failIfDue();
    return this.rows.get(`${partitionKey}/${rowKey}`);
  }

  #put(entity: Key & Entity, over: Entity): { etag: string } {
    this.#versions += 1;
    const etag = `v${this.#versions}`;
    this.rows.set(`${entity.partitionKey}/${entity.rowKey}`, { ...over, ...entity, etag });
    return { etag };
  }

  #failIfDue(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
