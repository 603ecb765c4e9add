import * as z from 'zod';
import { grants } from '../model/token.ts';
import { applicationNamePattern } from '../model/credential.ts';
import { callerRoles } from '../model/caller.ts';

/**
 * The access policy as it is written in `access-policy.json`. The JSON schema that editors complete from is made of this
 * (`ptb policy schema`), so a description here is help text there.
 */

const guid = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
const domain =
  '(?=.{4,253}$)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\\.)+[a-zA-Z][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]';
const groupName = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}';

const text = (pattern: string, meaning: string) => z.string().regex(new RegExp(`^(?:${pattern})$`), { error: meaning });

const names = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'must not be empty; "*" means all').max(10_000);

/** One delegated scope or application role, as it stands in a token: no address in front, no spaces. */
const scopeName = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';

/** The alias of a resource, as in RESOURCES. */
const resourceAlias = '[a-z][a-z0-9-]{0,31}';

/** As `ptb setup --application` takes it; without its anchors, which `text` sets. */
const applicationName = applicationNamePattern.source.slice(1, -1);

const callersSchema = z.strictObject({
  applications: names(text(`${guid}|\\*`, 'is neither an application (client) id, a GUID, nor "*"')).meta({
    description: 'Application (client) ids of the callers, or "*" for every caller of the tenant.',
  }),
  roles: names(z.enum(callerRoles)).optional().meta({
    description: 'App roles that the caller must hold, all of them. Tokens.Request is needed for a token in any case.',
  }),
});

const ruleSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'Unique; stands in the audit record of every token that the rule allows.' }),
  description: z.string().max(2000).optional().meta({ description: 'Why the rule is there; for people only.' }),
  callers: callersSchema.meta({ description: 'Who may ask.' }),
  tenants: names(
    text(`${guid}|${domain}|group:${groupName}|\\*`, 'is neither a tenant id, a domain, "group:NAME" nor "*"'),
  ).meta({
    description:
      'Tenant ids, verified domains, "group:NAME" for one of tenantGroups, or "*" for every customer tenant; the partner tenant must be named by its id.',
  }),
  resources: names(text(`${resourceAlias}|\\*`, 'is neither the alias of a resource, such as graph, nor "*"')).meta({
    description: 'Aliases of resources (graph, exchange, …), or "*" for all that are configured.',
  }),
  scopes: names(text(`${scopeName}|\\*`, 'is neither the name of one scope, such as User.Read.All, nor "*"'))
    .optional()
    .meta({
      description:
        'All that a token may carry. Absent, or "*": no limit. Entra gives every scope consented to the application.',
    }),
  grants: names(z.enum(grants)).optional().meta({
    description: 'delegated: as the service account. application: as the application itself. Absent: delegated only.',
  }),
  application: text(
    applicationName,
    "is not the name of one of the broker's applications: small letters, digits and hyphens, a letter first",
  )
    .optional()
    .meta({
      description: "Which of the broker's applications redeems. Absent: default.",
    }),
  excessScopes: z.enum(['refuse', 'record']).optional().meta({
    description: 'What happens to a token that carries more than scopes names. Absent: refuse.',
  }),
});

export const policyDocumentSchema = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(1),
    tenantGroups: z
      .record(
        text(groupName, 'is not a name for a group'),
        names(text(`${guid}|${domain}`, 'is neither a tenant id nor a domain')),
      )
      .optional()
      .meta({ description: 'Names for sets of tenants, used as "group:NAME" in rules.' }),
    rules: z
      .array(ruleSchema)
      .max(1000)
      .meta({ description: 'The first rule that allows counts. What no rule allows is denied.' }),
  })
  .meta({
    title: 'Access policy of partner-token-broker',
    description: 'Which caller gets which token. Default deny.',
  });

export type PolicyDocument = z.output<typeof policyDocumentSchema>;
export type RuleDocument = PolicyDocument['rules'][number];

/** The published JSON schema (draft 2020-12), as a value. */
export function policyJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(policyDocumentSchema, { io: 'input' });
  return { $schema, $id: 'access-policy.schema.json', ...rest };
}
