import { setImmediate } from 'node:timers/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import type { RequestGate } from '../../microsoft/request-gate.ts';
import { isJsonObject } from '../../microsoft/reply.ts';
import type { Grant } from '../../judge/verdict.ts';
import { type VisibleParts, visibleParts } from '../../judge/visible-parts.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Job } from './job.ts';

export interface JobGateDeps {
  /** The permission map in force. @throws BrokerError storage_unavailable */
  readonly permissionMap: () => Promise<PermissionMap>;
  /** Base address of Microsoft Graph. */
  readonly graphUrl: string;
}

/**
 * Holds a job's Graph client to the `permissions` of its definition, by the judge that holds callers of the gateway to their
 * rule. The token carries everything that the application was consented for, so without this a job could use, and come to
 * depend on, permissions that it does not declare.
 */
export const jobGate = ({ permissionMap, graphUrl }: JobGateDeps, job: Pick<Job, 'permissions'>): RequestGate => {
  const grant: Grant = {
    scheme: 'delegated',
    permissions: new Set(job.permissions),
    beta: true,
    me: true,
    host: new URL(graphUrl).host,
  };
  return {
    admit: async ({ path, headers, selected }) => {
      const link = selected === undefined ? undefined : { selected };
      // Loaded at the first request of a job, to keep start-up short.
      const { judgeRequest } = await import('../../judge/judge.ts');
      const verdict = judgeRequest(await permissionMap(), grant, { method: 'GET', url: path, headers, link });
      if (!verdict.allowed) {
        // A job that repeats a refused request for ever must not keep the process from everything else.
        await setImmediate();
        // The judge speaks of the rule of a caller. Here the definition of the job takes its place.
        const reason = verdict.reason.replaceAll(/\b([Tt])he rule\b/g, '$1he job');
        throw new BrokerError('job_failed', `The request was not sent. ${reason}`);
      }
      const { request, answer } = verdict;
      return {
        path: request.url.slice(`https://${grant.host}`.length),
        headers: request.headers,
        selected: verdict.selected,
        visible: (value) => visible(value, visibleParts(answer)),
      };
    },
  };
};

/** The part of an answer that a token with only these permissions would have got. */
function visible(value: unknown, parts: VisibleParts, within: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((item) => visible(item, parts, within));
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, item]) => ({
    name,
    item,
    text: typeof item === 'string' ? item : undefined,
  }));
  return Object.fromEntries(
    (parts.kept(members, within) ?? members)
      .filter(({ name }) => !parts.hides(name))
      .map(({ name, item }) => [name, visible(item, parts, [...within, name])]),
  );
}
