import { once } from '../once.ts';

/**
 * Opens a table once, and creates it if it does not exist. A failure is not kept.
 * @param open returns the table's client.
 */
export const createdTable = <T extends { createTable(): Promise<void> }>(open: () => Promise<T>): (() => Promise<T>) =>
  once(async () => {
    const table = await open();
    await table.createTable();
    return table;
  });
