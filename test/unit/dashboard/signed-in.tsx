import type { ComponentChild, VNode } from 'preact';
import { Announcer } from '../../../dashboard/app/announcer.tsx';
import type { Api } from '../../../dashboard/app/api.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { apiWith, session } from './rendered.ts';

export const everyRole = ['Tenants.Read', 'Runs.Read', 'Runs.Write', 'Audit.Read'];

/** A part of the page for a reader with these roles. */
export const signedIn = (methods: Partial<Api>, child: ComponentChild, roles = everyRole, objectId?: string): VNode => (
  <SignedInContext.Provider
    value={{ session: { ...session, roles, ...(objectId && { objectId }) }, api: apiWith(methods) }}
  >
    <Announcer>{child}</Announcer>
  </SignedInContext.Provider>
);
