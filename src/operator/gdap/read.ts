import type { BatchReply } from '../../lib/microsoft/batch.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { isObject, type JsonObject, objectOf, objectsIn, textOf } from '../../lib/core/objects.ts';
import { type BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { Limiter } from '../../lib/core/limiter.ts';
import { isActive, parseRelationship, roleIdsOf } from '../../lib/tenants/lists.ts';

/** A security group that gets roles of a relationship. Its status starts as `pending`. */
export interface AccessAssignment {
  readonly groupId: string;
  readonly status: string;
  /** Template ids. */
  readonly roleIds: readonly string[];
}

export interface Relationship {
  readonly id: string;
  readonly name: string;
  readonly tenantId: TenantId;
  readonly customer: string;
  readonly endsAtMs: number | undefined;
  readonly autoExtends: boolean;
  /** Template ids of all roles of the relationship. They are fixed when it is created. */
  readonly roleIds: readonly string[];
  /** Undefined if they could not be read. */
  readonly assignments: readonly AccessAssignment[] | undefined;
}

/** Group names by id. */
export type Groups = ReadonlyMap<string, string>;

const relationshipsPath =
  '/tenantRelationships/delegatedAdminRelationships?$top=300&$select=id,displayName,customer,status,endDateTime,autoExtendDuration,accessDetails';
/** Sizes of the reads: 3,000 relationships are 150 batches. */
const perBatch = 20;
const concurrentBatches = 4;

/**
 * Reads the groups that the signed-in account is a member of, also through another group ("List a user's memberships",
 * User.Read). Without Directory.Read.All, Graph hides the names; the id stands for a hidden name.
 * @throws BrokerError from Graph.
 */
export async function readGroups(graph: GraphClient): Promise<Groups> {
  const groups = new Map<string, string>();
  for await (const item of graph.list('/me/transitiveMemberOf?$select=id,displayName&$top=999')) {
    const id = textOf(item, 'id');
    // The list has directory roles and administrative units, too.
    const isGroup = textOf(item, '@odata.type')?.endsWith('.group') === true;
    if (id !== undefined && isGroup) groups.set(id, textOf(item, 'displayName') ?? id);
  }
  return groups;
}

/**
 * Reads the active relationships and their access assignments (DelegatedAdminRelationship.Read.All).
 * @throws BrokerError from Graph, if the list itself cannot be read.
 */
export async function readRelationships(graph: GraphClient, nowMs: number) {
  const items = await Array.fromAsync(graph.list(relationshipsPath));
  const found = items.flatMap((item) => parse(item, nowMs) ?? []);
  const limiter = new Limiter(concurrentBatches);
  const chunks = Array.from({ length: Math.ceil(found.length / perBatch) }, (_, at) =>
    found.slice(at * perBatch, (at + 1) * perBatch),
  );
  const read = (await Promise.all(chunks.map((chunk) => limiter.run(() => readChunk(graph, chunk))))).flat();
  return {
    /** Those that the partner made itself, not those that Microsoft leads (MLT_). */
    relationships: read.flatMap(({ relationship }) => relationship ?? []),
    /** The first reason why assignments could not be read. */
    unread: read.find(({ failure }) => failure !== undefined)?.failure,
  };
}

/** Reads the names of groups. A group whose name cannot be read is missing. */
export async function readGroupNames(graph: GraphClient, ids: readonly string[]): Promise<Groups> {
  const requests = ids.map((id) => ({ id, path: `/groups/${encodeURIComponent(id)}?$select=id,displayName` }));
  const replies = await graph.batch(requests).catch(() => []);
  return new Map(
    replies.flatMap((reply) => {
      const name = reply.ok && isObject(reply.value) ? textOf(reply.value, 'displayName') : undefined;
      return name === undefined ? [] : [[reply.id, name] as const];
    }),
  );
}

interface ReadRelationship {
  /** Undefined if it ended meanwhile. */
  readonly relationship: Relationship | undefined;
  readonly failure?: BrokerError;
}

async function readChunk(
  graph: GraphClient,
  chunk: readonly Omit<Relationship, 'assignments'>[],
): Promise<readonly ReadRelationship[]> {
  let replies: readonly BatchReply[];
  try {
    replies = await graph.batch(chunk.map(({ id }) => ({ id, path: assignmentsPath(id) })));
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    return chunk.map((each) => ({ relationship: { ...each, assignments: undefined }, failure }));
  }
  const byId = new Map(replies.map((reply) => [reply.id, reply]));
  return Promise.all(chunk.map((each) => complete(graph, each, byId.get(each.id))));
}

async function complete(
  graph: GraphClient,
  each: Omit<Relationship, 'assignments'>,
  reply: BatchReply | undefined,
): Promise<ReadRelationship> {
  try {
    if (reply?.ok === true && isObject(reply.value) && reply.value['@odata.nextLink'] === undefined)
      return { relationship: { ...each, assignments: assignmentsOf(objectsIn(reply.value['value'])) } };
    if (reply?.ok === false) throw reply.error;
    // More than one page, or no reply in the batch.
    const items = await Array.fromAsync(graph.list(assignmentsPath(each.id)));
    return { relationship: { ...each, assignments: assignmentsOf(items) } };
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    if (failure.logFields['status'] === 404) return { relationship: undefined };
    return { relationship: { ...each, assignments: undefined }, failure };
  }
}

const assignmentsPath = (id: string): string =>
  `/tenantRelationships/delegatedAdminRelationships/${encodeURIComponent(id)}/accessAssignments`;

const assignmentsOf = (items: readonly JsonObject[]): readonly AccessAssignment[] =>
  items.map((item) => ({
    groupId: textOf(objectOf(item, 'accessContainer'), 'accessContainerId') ?? '',
    status: textOf(item, 'status') ?? 'unknown',
    roleIds: roleIdsOf(item),
  }));

/** Undefined unless the relationship is active. */
function parse(item: JsonObject, nowMs: number): Omit<Relationship, 'assignments'> | undefined {
  const id = textOf(item, 'id');
  const read = parseRelationship(item);
  if (id === undefined || read === undefined || !isActive(read, nowMs)) return undefined;
  const { tenantId, name: customer = tenantId, endsAtMs, renewsItself: autoExtends, roleIds } = read;
  return {
    id,
    name: textOf(item, 'displayName') ?? '',
    tenantId,
    customer,
    endsAtMs,
    autoExtends,
    roleIds,
  };
}
