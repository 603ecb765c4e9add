import * as z from 'zod';
import { guid } from './shared.ts';

export const signInAnswerSchema = z
  .object({
    entraEndpoint: z.string().meta({ description: 'Base address of the authorities. `/{tenantId}` follows.' }),
    tenantId: guid,
    clientId: guid.meta({ description: 'The public client through which people sign in.' }),
    scope: z.string().meta({ description: "The delegated scope of the broker's own application." }),
  })
  .meta({ id: 'SignIn', description: 'How a person gets a token for this broker. Nothing of it is secret.' });

export const noSignInSchema = z
  .object({ problem: z.string(), advice: z.string() })
  .meta({ id: 'NoSignIn', description: 'Why people cannot sign in: a setting is missing or wrong.' });

export type SignInAnswer = z.output<typeof signInAnswerSchema>;
export type NoSignIn = z.output<typeof noSignInSchema>;
