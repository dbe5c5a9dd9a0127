/**
 * Whether the user of this page is still signed in.
 *
 * Events: `ended` with each response that requires a sign-in; `resumed` when requests succeed again after a sign-in in another tab.
 */
class SignIn extends EventTarget {
    #hasEnded = false;

    /** Whether it has ended: then nothing is asked again and again. */
    get hasEnded() {
        return this.#hasEnded;
    }

    /** The server has answered that nobody is signed in. */
    end() {
        this.#hasEnded = true;
        this.dispatchEvent(new Event("ended"));
    }

    /** The same user has signed in again. */
    resume() {
        if (!this.#hasEnded) return;
        this.#hasEnded = false;
        this.dispatchEvent(new Event("resumed"));
    }
}

/** That of this page. */
export const signIn = new SignIn();
