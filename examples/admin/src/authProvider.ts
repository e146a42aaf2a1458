/** Who is signed in, for react-admin. */
import type { AuthProvider } from "react-admin";

import { signIn, signOut, signedIn } from "./client";

export const authProvider: AuthProvider = {
  login: ({ email, password }: { email: string; password: string }) => signIn(email, password),
  logout: () => signOut().catch(() => undefined),
  checkAuth: async () => {
    await signedIn();
  },
  checkError: async ({ status }: { status?: number }) => {
    if (status === 401) {
      throw new Error("Please sign in again.");
    }
  },
  getIdentity: async () => {
    const { account } = await signedIn();
    return { id: account.id, fullName: account.email };
  },
};
