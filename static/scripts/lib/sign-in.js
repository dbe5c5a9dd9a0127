/**
 * Whether the user of this page is still signed in.
 *
 * Events: `ended` with each response that requires a sign-in; `resumed` when requests succeed again after a sign-in in another tab.
 */
class SignIn extends EventTarget {
    #hasEnded = false;

    /** Whether the login has ended, so that polling stops. */
    get hasEnded() {
        return this.#hasEnded;
    }

    /** Record that the server requires a sign-in. */
    end() {
        this.#hasEnded = true;
        this.dispatchEvent(new Event("ended"));
    }

    /** Record that the same user has signed in again. */
    resume() {
        if (!this.#hasEnded) return;
        this.#hasEnded = false;
        this.dispatchEvent(new Event("resumed"));
    }
}

/** The sign-in state of this page. */
export const signIn = new SignIn();
