import type { GraphClient } from '../../lib/microsoft/client.ts';
import { type JsonObject, textOf } from '../../lib/microsoft/reply.ts';
import { BrokerError } from '../../lib/core/errors.ts';

/** The first object of a list, or undefined if it is empty. */
export async function firstOf(graph: GraphClient, path: string): Promise<JsonObject | undefined> {
  for await (const item of graph.list(path)) return item;
  return undefined;
}

/** @throws BrokerError resource_error if the property is missing or empty. */
export function requiredText(object: JsonObject, property: string): string {
  const value = textOf(object, property);
  if (value !== undefined && value !== '') return value;
  throw new BrokerError('resource_error', `Microsoft Graph returned an object without ${property}.`);
}
