import * as z from 'zod';
import { grants } from '../../core/token.ts';
import { guid, isoTime } from './shared.ts';

export const tokenAnswerSchema = z
  .object({
    accessToken: z
      .string()
      .meta({ description: 'The access token for the `Authorization` header of requests to the resource. A secret.' }),
    tokenType: z.literal('Bearer'),
    expiresAt: isoTime,
    expiresInSeconds: z.int().min(0),
    tenantId: guid,
    resource: z.string(),
    scopes: z
      .array(z.string())
      .readonly()
      .meta({ description: 'What the token contains: delegated scopes or app roles.' }),
    grant: z.enum(grants),
    tokenId: guid.meta({ description: 'Identifies this token in the audit log.' }),
  })
  .meta({ id: 'Token' });
export type TokenAnswer = z.output<typeof tokenAnswerSchema>;
