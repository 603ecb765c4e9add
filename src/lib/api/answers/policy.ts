import * as z from 'zod';
import { callerRoles } from '../../core/caller.ts';
import { callerKindFields, count, isoTime, optionalText, text, texts } from './shared.ts';

const groupSchema = z.object({
  change: z.enum(['refused', 'allowed', 'approval', 'rule']).meta({
    description:
      'refused, allowed: the policy in force decides the opposite. approval: the caller would have waited for an approval, for more people, or declared an emergency. rule: another rule would have served it.',
  }),
  caller: z.object({ applicationId: z.string(), objectId: z.string(), ...callerKindFields }),
  request: text('`GET /v1.0/users/*` with `*` for a key, a cmdlet, `token` with the scopes, or `apply` with the job.'),
  resource: z.string(),
  ruleInForce: optionalText('The rule that serves it. Absent: none.'),
  ruleNew: optionalText('The rule of the other policy that serves it. Absent: none.'),
  reason: optionalText('Why the other policy refuses it.'),
  records: count,
  tenants: count.meta({ description: 'How many, up to 1,000.' }),
  firstAt: isoTime,
  lastAt: isoTime,
  examples: z.array(z.object({ at: isoTime, tenantId: z.string(), tokenId: z.string() })).readonly(),
});

const counts = (description: string) => z.record(z.string(), count).meta({ description });

const useSchema = z.object({
  rules: z
    .array(
      z.object({
        rule: z.string(),
        allows: z.object({
          callers: texts('Application ids. `*`: all callers of `kinds`.'),
          kinds: text('Which kinds of callers, in words.'),
          objects: texts('Object ids of the only people and service principals. Absent: all.').optional(),
          only: optionalText('Further conditions on the caller, in words. Absent: none.'),
          may: text('What they may do, in words that follow "may".'),
          terms: z.record(z.string(), texts('All entries.')).readonly().meta({
            description: 'Lists of the policy of which `may` says less, such as `scopes` and `requests.paths`.',
          }),
          tenants: texts('Entries of the rule: ids, domains, groups and tags. `*`: every customer tenant.'),
          except: texts('Entries that the rule leaves out.'),
          reads: texts(
            'Tenants that the callers may read. Empty: none. Absent: the rule does not limit reading.',
          ).optional(),
          approval: optionalText('What must happen before each, in words: the end of `may`. Absent: nothing.'),
          breakGlass: z
            .literal(true)
            .optional()
            .meta({ description: 'Present if the rule serves only in an emergency, with a reason.' }),
          everything: z.literal(true).optional().meta({
            description:
              'Present if the rule opens every resource or change job in every customer tenant, without an approval. It may limit to whom.',
          }),
          partner: z.literal(true).optional().meta({
            description:
              "Present if the rule opens what `may` lists in the partner's own tenant, or may open it because an exception is unknown.",
          }),
        }),
        records: count,
        lastAt: isoTime.optional().meta({ description: 'Absent: nobody used the rule.' }),
        unused: z.record(z.string(), texts('Entries of the rule.')).meta({
          description: 'What nobody used of it: `scopes`, `callers`, `tenants`, `resources`, `cmdlets`, `changes`.',
        }),
      }),
    )
    .readonly(),
  roles: z
    .array(
      z.object({
        caller: text('Object id of a person, application id of others.'),
        roles: z.array(z.enum(callerRoles)).readonly(),
      }),
    )
    .readonly()
    .meta({ description: 'App roles for tokens, requests and changes that a caller held and did not need.' }),
  permissions: z
    .array(
      z.object({
        application: text("One of the broker's applications."),
        unused: texts('Permissions for Microsoft Graph that its tokens carried, and that no record needed.'),
        tokens: count.meta({ description: 'Tokens without a requested scope, which may have needed any of these.' }),
      }),
    )
    .readonly(),
  callerNames: z.record(z.string(), z.string()).readonly().meta({
    description: 'The names that the policy gives to callers, by application or object id in lower case.',
  }),
});

export const replayAnswerSchema = z
  .object({
    policies: z
      .object({ inForce: z.string(), new: z.string() })
      .meta({ description: 'SHA-256 of the texts of the policies, in hexadecimal.' }),
    period: z.object({ from: isoTime, to: isoTime }),
    readFrom: isoTime.meta({
      description:
        'Start of what was read: later than the period if that has more than 20,000 records or reading took longer than 20 s.',
    }),
    records: count.meta({ description: 'Records that the caller may read.' }),
    others: count.meta({ description: 'Records that the caller may not read. They are not judged.' }),
    judged: count,
    judgedInPart: count.meta({ description: 'Of those, records that say less than their request did.' }),
    refusedByBoth: count.meta({ description: 'Records that were served, and that both policies refuse now.' }),
    changes: z.object({ refused: count, allowed: count, approval: count, rule: count }),
    skipped: counts('Records that no rule decides on, by reason.'),
    unknown: counts('Records that a policy cannot decide on now, by reason.'),
    groups: z.array(groupSchema).readonly().meta({ description: 'Refusals first, then those with the most records.' }),
    moreGroups: count,
    ungrouped: count,
    use: useSchema.optional().meta({
      description: 'What is used of the policy in force. Absent for a caller who may not read every tenant.',
    }),
  })
  .meta({ id: 'Replay' });
export type ReplayAnswer = z.output<typeof replayAnswerSchema>;
