import * as z from 'zod';
import { callerKinds } from '../../core/caller.ts';
import { errorCodes, type Lack, lackTable } from '../../core/errors.ts';

/** Schemas that several answers share. */

export const guid = z.guid();
export const isoTime = z.iso.datetime().meta({ description: 'ISO 8601 in UTC, with milliseconds.' });
export const count = z.int().min(0);

/** What kind of caller it was. */
export const callerKindFields = {
  kind: z.enum(callerKinds).meta({
    description:
      'application: it called as itself. user: a person was signed in to the application. agent: its token was one of Microsoft Entra Agent ID.',
  }),
  blueprint: guid.optional().meta({
    description: 'Of an agent: application id of its blueprint. Absent if the token did not name it.',
  }),
  actsFor: guid.optional().meta({
    description: 'Of an agent: object id of the person that it acted for. Absent if it acted on its own.',
  }),
};

export const text = (description: string) => z.string().meta({ description });
export const optionalText = (description: string) => z.string().optional().meta({ description });
export const texts = (description: string) => z.array(z.string()).readonly().meta({ description });
export const optionalTexts = (description: string) => z.array(z.string()).readonly().optional().meta({ description });

export const errorCodeSchema = z.enum(errorCodes).meta({
  id: 'ErrorCode',
  description: 'One of a closed set, described in docs/errors.md. Switch on it, never on texts.',
});

/** A code with its title and advice from the error table. */
export const failureTextSchema = z.object({
  code: errorCodeSchema,
  title: z.string(),
  advice: text('What to do about the failure.'),
});

/** The body of every failure (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.url().meta({ description: 'Address of the description of the code.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: text('What went wrong in this case.'),
    code: errorCodeSchema,
    advice: text('What to do about the failure.'),
    correlationId: guid.meta({ description: 'Identifies the request in the log.' }),
    retryAfterSeconds: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'Seconds until the same request may succeed. Also in the `Retry-After` header.' }),
    lacks: z
      .enum(Object.keys(lackTable) as [Lack, ...Lack[]])
      .optional()
      .meta({ description: 'Of `caller_forbidden`: what is missing, if one thing is.' }),
    error: z
      .object({ code: errorCodeSchema, message: z.string() })
      .optional()
      .meta({ description: 'Of the gateway only: code and detail as in an error of Microsoft Graph, for its SDKs.' }),
  })
  .meta({ id: 'Problem', description: 'A failure (RFC 9457).' });

export const signInAnswerSchema = z
  .object({
    entraEndpoint: text('Base address of the authorities. `/{tenantId}` follows.'),
    tenantId: guid,
    clientId: guid.meta({ description: 'The public client through which people sign in.' }),
    scope: text("The delegated scope of the broker's own application."),
  })
  .meta({ id: 'SignIn', description: 'How a person gets a token for this broker. Nothing of it is secret.' });

export const noSignInSchema = z
  .object({ problem: z.string(), advice: z.string() })
  .meta({ id: 'NoSignIn', description: 'Why people cannot sign in: a setting is missing or wrong.' });

export type SignInAnswer = z.output<typeof signInAnswerSchema>;
export type NoSignIn = z.output<typeof noSignInSchema>;

/** One message of JSON-RPC 2.0. */
export const mcpMessageSchema = z.looseObject({ jsonrpc: z.literal('2.0') }).meta({ id: 'McpMessage' });

/** Metadata of a protected resource (RFC 9728). */
export const protectedResourceSchema = z
  .object({
    resource: z.string(),
    resource_name: z.string(),
    authorization_servers: z.array(z.string()),
    scopes_supported: z.array(z.string()),
    bearer_methods_supported: z.array(z.string()),
  })
  .meta({ id: 'ProtectedResource' });
export type ProtectedResource = z.output<typeof protectedResourceSchema>;
