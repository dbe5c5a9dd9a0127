/**
 * Whether the server still takes this page's requests for those of somebody who is signed in.
 *
 * Events: `ended` with each answer that says it does not; `resumed` when it does again, as somebody has signed in in another tab.
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
