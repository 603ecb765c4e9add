import * as z from 'zod';
import { applicationNamePattern, grants } from '../../core/secrets.ts';
import { callerKinds, callerRoles } from '../../core/caller.ts';
import { administrators, approvalRanges, requestMethods } from './policy.ts';
import { entryRule } from '../tenants/tenant-set.ts';
import { visibleText } from '../../core/text.ts';
import { maxTagLength } from '../../tenants/tags.ts';

/**
 * The access policy as written in `access-policy.json`. `ptb policy schema` generates the JSON schema from this, and
 * editors show the descriptions as help.
 */

const guid = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
const domain =
  '(?=.{4,253}$)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\\.)+[a-zA-Z][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]';
const groupName = `[A-Za-z0-9][A-Za-z0-9._-]{0,${maxTagLength - 1}}`;
const tag = `(?=.{1,${maxTagLength}}$)[A-Za-z0-9][A-Za-z0-9._-]*(?:=[A-Za-z0-9._-]+)?`;

const text = (pattern: string, meaning: string | ((written: string) => string)) =>
  z.string().regex(new RegExp(`^(?:${pattern})$`), {
    error: typeof meaning === 'string' ? meaning : ({ input }) => meaning(String(input)),
  });

const names = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'must not be empty; "*" means all').max(10_000);

/** A list that narrows the callers. It knows no "*", because its absence means all. */
const limited = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'must not be empty').max(10_000);

/** One delegated scope or application role by its short name, as in a token: no resource prefix, no spaces. */
const scopeName = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';

/** The alias of a resource, as in the setting RESOURCES. */
const resourceAlias = '[a-z][a-z0-9-]{0,31}';

/** The names that `ptb setup --application` accepts. Without the anchors, which `text` adds. */
const applicationName = applicationNamePattern.source.slice(1, -1);

/** One entry of a list of tenants, as `parseEntry` reads it. */
const tenantEntry = text(`${guid}|${domain}|group:${groupName}|tag:${tag}|\\*`, entryRule);
const namedEntry = text(`${guid}|${domain}|group:${groupName}|tag:${tag}`, (written) =>
  written === '*' ? 'is only possible in tenants and reads of a rule' : entryRule(written),
);

/** A path as the gateway compares it: `*` for one segment, `**` as the last one for the rest. */
const pathPattern = "(?:/(?:\\*|[A-Za-z0-9._~!$&'()+,=:@-]+))*(?:/\\*\\*)?";

/** How a caller may use a rule. */
const vias = ['token', 'gateway'] as const;

const requestsSchema = z.strictObject({
  methods: limited(z.enum(requestMethods)).optional().meta({ description: 'Absent: all.' }),
  paths: limited(
    text(
      `(?=/)${pathPattern}`,
      'is not a path pattern: start with "/", use "*" for one segment and "**" as the last segment for the rest',
    ),
  )
    .optional()
    .meta({
      description:
        'Paths with a leading slash and without query. "*" stands for one segment (for Graph: one key), "**" as the last one for the rest. Paths of Graph start with the version; a key is a segment of its own. /beta and /me are open only if a path names them. Absent: all others.',
    }),
  cmdlets: z
    .record(
      text('[A-Za-z]+-[A-Za-z0-9]+', 'is not the name of a cmdlet, such as Get-Mailbox'),
      z.array(text('[A-Za-z][A-Za-z0-9]*|\\*', 'is neither the name of a parameter nor "*"')).max(1000),
    )
    .optional()
    .meta({
      description:
        'For InvokeCommand of Exchange: the cmdlets, each with the parameters that it may have. ["*"]: all parameters.',
    }),
});

const callersSchema = z.strictObject({
  applications: names(text(`${guid}|\\*`, 'is neither an application (client) id (a GUID) nor "*"')).meta({
    description:
      'Application (client) ids of the callers, or "*" for every person and application in the partner tenant. "*" means agents only if kinds or blueprints does.',
  }),
  objects: limited(text(guid, 'is not an object id (a GUID)')).optional().meta({
    description:
      'Object ids (oid) of the people or service principals that may call through these applications. An agent that acts for a person has the id of that person. Absent: all.',
  }),
  kinds: limited(z.enum(callerKinds)).optional().meta({
    description:
      'application: the caller acts as itself. user: a person is signed in to the application. agent: a token of Microsoft Entra Agent ID, whether the agent acts on its own or for a person. Absent: application and user, and an agent that applications or blueprints names.',
  }),
  blueprints: limited(text(guid, 'is not the application (client) id of a blueprint (a GUID)')).optional().meta({
    description:
      'Application (client) ids of blueprints: the rule is for their agents only, among those that applications names. Absent: the rule does not ask.',
  }),
  roles: names(z.enum(callerRoles)).optional().meta({
    description:
      'App roles that the caller must hold, all of them. A token always requires Tokens.Request, and a request through the gateway Requests.Send.',
  }),
});

const wholeNumber = ([least, most]: readonly [number, number]) => z.number().int().min(least).max(most).optional();

const minutes = (range: readonly [number, number], standard: number, meaning: string) =>
  wholeNumber(range).meta({ description: `${meaning} ${range.join(' to ')} minutes. Absent: ${standard}.` });

const approvalSchema = z.strictObject({
  from: limited(z.enum(callerRoles)).optional().meta({
    description:
      'App roles that a decider must hold, all of them. Approvals.Decide is always required. Absent: Approvals.Decide.',
  }),
  count: wholeNumber(approvalRanges.count).meta({
    description: `How many people must approve, ${approvalRanges.count.join(' to ')}. Absent: 1.`,
  }),
  expiresMinutes: minutes(approvalRanges.expiresMinutes, 60, 'How long the request waits for decisions.'),
  validMinutes: minutes(approvalRanges.validMinutes, 60, 'How long the approved request is served.'),
});

const ruleFields = {
  name: z.string().min(1).max(200).meta({
    description: 'Unique name. The audit record of every token and request that the rule allows contains it.',
  }),
  description: z.string().max(2000).optional().meta({ description: 'Why the rule exists. Not evaluated.' }),
  callers: callersSchema.meta({ description: 'Callers that the rule applies to.' }),
  tenants: names(tenantEntry).optional().meta({
    description:
      'The tenants that the callers may have tokens for or send requests into: tenant ids, verified domains, "group:NAME" for one of tenantGroups, "tag:NAME" or "tag:NAME=VALUE" for the tenants with this tag, or "*" for every customer tenant. "*" does not include the partner tenant; name it by its id.',
  }),
  except: limited(namedEntry).optional().meta({
    description:
      'Tenants that the rule never opens, whatever tenants and reads name: tenant ids, verified domains, "group:NAME" or "tag:NAME".',
  }),
  resources: names(text(`${resourceAlias}|\\*`, 'is neither the alias of a resource, such as graph, nor "*"'))
    .optional()
    .meta({ description: 'Aliases of resources (graph, exchange, …), or "*" for all configured resources.' }),
  changes: names(text('[a-z][a-z0-9-]{0,39}|\\*', 'is neither the name of a change job nor "*"')).optional().meta({
    description:
      'Names of the change jobs whose plans the callers may apply in the tenants of the rule, or "*" for all. Needs the app role Changes.Apply. Such a rule has no resources.',
  }),
  reads: z.array(tenantEntry).max(10_000).optional().meta({
    description:
      'The tenants that the callers may see in lists, results and the audit log, and start runs for: tenant ids, verified domains, "group:NAME", "tag:NAME", or "*" for no limit. Empty: none. Absent: the rule does not limit reading.',
  }),
  scopes: names(text(`${scopeName}|\\*`, 'is neither the name of one scope, such as User.Read.All, nor "*"'))
    .optional()
    .meta({
      description:
        'All scopes that a token may carry. Absent or "*": no limit. Entra issues every scope consented to the application. Through the gateway: the permissions of which one must open a request to Graph.',
    }),
  grants: names(z.enum(grants)).optional().meta({
    description:
      'delegated: the token acts as the service account. application: the token acts as the application itself. Absent: delegated only.',
  }),
  application: text(
    applicationName,
    "is not the name of one of the broker's applications: use lower-case letters, digits and hyphens, and start with a letter",
  )
    .optional()
    .meta({
      description: "The one of the broker's applications that redeems the token. Absent: default.",
    }),
  approval: approvalSchema.optional().meta({
    description:
      'Each request needs the approval of other people first: the caller gets 202, and repeats the same request once it is approved.',
  }),
  breakGlass: z.literal(true).optional().meta({
    description:
      'For emergencies: serves at once what the caller sends with breakGlass and a reason, sends a notice and marks the audit records.',
  }),
  protect: limited(
    text(`${administrators}|group:${guid}`, 'is neither "administrators" nor "group:" and the id of a group'),
  )
    .optional()
    .meta({
      description:
        'Users and groups that no request of the rule changes. administrators: whoever holds or may activate a directory role, or is a member of a group to which roles can be assigned. group:ID: a group in the customer tenant and its members, also through other groups. The broker asks the tenant before each request that writes, and refuses what it cannot know. Needs "via": ["gateway"].',
    }),
  via: limited(z.enum(vias)).optional().meta({
    description:
      'token: the caller gets a token. gateway: the broker sends the requests of the caller, under no more permissions than scopes names. Absent: token only.',
  }),
  requests: requestsSchema.optional().meta({
    description: 'Narrows the requests through the gateway. For resources other than graph it is the only limit.',
  }),
  excessScopes: z.enum(['refuse', 'record']).optional().meta({
    description: 'What happens to a token that carries other scopes than those listed. Absent: refuse.',
  }),
};

const ruleSchema = z.strictObject(ruleFields).meta({
  // `parsePolicy` checks these too, and names what is missing.
  anyOf: [{ required: ['tenants', 'resources'] }, { required: ['tenants', 'changes'] }, { required: ['reads'] }],
  dependentRequired: { resources: ['tenants'], changes: ['tenants'] },
});

const callerName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .refine((name) => visibleText(name) === name, 'must be one line without control characters');

/** Schema of the policy document. References between its parts are checked by `parsePolicy`. */
export const policyDocumentSchema = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(1),
    tenantGroups: z.record(text(groupName, 'is not a valid group name'), names(namedEntry)).optional().meta({
      description:
        'Named sets of tenants, used as "group:NAME" in rules, runs and jobs: tenant ids, verified domains, "tag:NAME", and "group:NAME" for other groups.',
    }),
    callerNames: z
      .record(text(guid, 'is not the id of an application, a service principal or a person (a GUID)'), callerName)
      .optional()
      .meta({
        description:
          'Names of callers, by application (client) id or object id, each name once. People read them in place of the ids; no rule depends on them.',
      }),
    rules: z.array(ruleSchema).max(1000).meta({
      description:
        'The first rule without a condition that allows a request decides. If there is none: the first one with approval, then the first one with breakGlass; in an emergency the other way round. A request that no rule allows is denied.',
    }),
  })
  .meta({
    title: 'Access policy of partner-token-broker',
    description: 'Defines which caller may get which token and send which requests. Everything else is denied.',
  });

/** A policy document that matches the schema. */
export type PolicyDocument = z.output<typeof policyDocumentSchema>;
/** One rule of a {@link PolicyDocument}. */
export type RuleDocument = PolicyDocument['rules'][number];

/** Returns the published JSON schema (draft 2020-12). */
export function policyJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(policyDocumentSchema, { io: 'input' });
  return { $schema, $id: 'access-policy.schema.json', ...rest };
}
