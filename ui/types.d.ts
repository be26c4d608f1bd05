/**
 * The API's types as the page uses them: the commands, events and errors of docs/api.md.
 * Times are milliseconds since the Unix epoch; ids are strings.
 */

export type ServerState = {
    running: boolean;
    port?: number | null;
    addresses: string[];
    /** Why it could not be started again with the app. */
    failure?: { code: string; message: string } | null;
};

export type StoreState = { state: "ok" | "read_only" | "failed"; reason?: string | null };

/** Something about what this device keeps that its person should know. */
export type Notice = {
    /** For `dismiss_notice`. */
    id: number;
    /** `damaged`, `repaired`, `renewed`, `forked`, `slowed`, `frozen`, `identity_changed`, `opinions_lost`; a kind this page does not know is told by its text. */
    kind: string;
    at: number;
    room?: string | null;
    device_id?: string | null;
    count?: number | null;
    /** It all in one English sentence. */
    text: string;
};

export type Status = {
    device_id: string;
    /** Empty until `set_profile` was called or a name was given from outside: the first start. */
    name: string;
    default_name: string;
    version: string;
    protocol: string | number;
    /** Where this device's secret key lies. */
    key_at: "key_store" | "file";
    server: ServerState;
    store: StoreState;
    /** Those that were not put away, oldest first. */
    notices: Notice[];
    /** Until when everyone nearby is told this device's name. */
    visible_until?: number | null;
};

/** What the person of this device chose. */
export type Preferences = {
    /** Whether others are told what is read here. */
    tell_read: boolean;
};

export type Peer = {
    device_id: string;
    name: string;
    address: string;
    direction: "in" | "out";
    rtt_ms?: number | null;
};

/** One thing that may keep devices from each other. */
export type Check = {
    /** `interface`, `server`, `port`, …; one that this page does not know is told by its name. */
    name: string;
    state: "ok" | "warn" | "fail" | "skipped";
    /** One English sentence; so is the remedy, with commands between backticks. */
    finding: string;
    remedy?: string | null;
};

/** Seven pictures to compare: the word for each in English, and its emoji. */
export type Pictures = { words: string[]; emoji: string[] };

/** A device that this one has met in a room of both. */
export type KnownDevice = {
    device_id: string;
    name: string;
    /** What it calls itself, where it is called otherwise here. */
    own_name?: string | null;
    verified?: "link" | "code" | "compared" | null;
    verified_at?: number | null;
    first_seen_at: number;
    last_seen_at: number;
    last_address?: string | null;
    /** Whether it is neither dialled nor let in. */
    blocked: boolean;
    /** What both show, until the person here has said what they see. */
    comparing?: Pictures | null;
    /** What both show still, once the person here has said that it is the same. */
    compared?: Pictures | null;
};

/** How a comparison ended. */
export type CompareEnd = "same" | "differ" | "they_differ" | "time_over" | "gone" | "broken" | "withdrawn";

export type MessageStatus = "queued" | "stored" | "delivered" | "read";

export type Message = {
    id: string;
    room: string;
    author: string;
    author_name: string;
    sent_at: number;
    /** `text`, `room_created`, `member_added`, …; a kind this page does not know is shown as such. */
    kind: string;
    text?: string | null;
    reply_to?: string | null;
    /** Whom an entry about membership concerns: device and name. */
    subject?: string | null;
    subject_name?: string | null;
    /** Whether the majority did it, and the author only wrote it down. */
    by_majority?: boolean | null;
    edited_at?: number | null;
    deleted?: boolean | null;
    state?: "erased" | "missing" | "forked" | null;
    /** Whether another said it and it was not read on this device. */
    unread?: boolean | null;
    status: MessageStatus;
    /** How many other members hold, were delivered and have read it. */
    stored_by: number;
    delivered_to: number;
    read_by: number;
};

export type Room = { room: string; name: string; members: number; unread: number; last?: Message | null };

export type Member = {
    device_id: string;
    name: string;
    role: "owner" | "member" | "pending";
    /** Whether it may vote: it came by the owner, or the owner confirmed it. */
    voter: boolean;
    online: boolean;
    last_seen_at?: number | null;
};

/** What the majority of a room can do, to the member that is named: one of the two. */
export type Act = { owner?: string | null; remove?: string | null };

/** Something that some voters want and that is not done yet. */
export type Proposal = {
    act: Act;
    /** The devices that said so. */
    votes: string[];
    /** How many have to. */
    needed: number;
    /** Whether this device may join them, and has not. */
    open: boolean;
};

export type Receipts = { stored: string[]; delivered: string[]; read: string[] };

/** `unread_before`: how many of those that are older than all of these others said and were not read here, at most 999. */
export type Page = { messages: Message[]; more: boolean; unread_before: number };

/** All that an invite's link itself tells; nothing of it is proven. */
export type OpenedInvite = {
    link: string;
    room: string;
    expires_at: number;
    hosts: { device_id: string; addresses: string[] }[];
};

/** A device found on this network; nothing of it is proven. */
export type NearbyDevice = {
    /** Where it is known which one it is. */
    device_id?: string | null;
    /** Of one that is known, what it is called here; of others, only while they want everyone nearby to see it. */
    name?: string | null;
    /** The best first. */
    addresses: string[];
    /** The first way that found it. */
    via: "mdns" | "broadcast" | "multicast" | "probe";
    seen_at: number;
};

/** A code to type in place of an invite's link; none where somebody may be guessing. */
export type ShownCode = {
    /** Six digits, with a space in their middle. */
    code?: string | null;
    code_expires_at?: number | null;
};

/** A link that was opened outside the app: an invite to be asked about, or why it is of no use. */
export type OpenedLink = { invite: OpenedInvite } | { failure: { code: string; message: string } };

/** Every command this page calls: what it takes and what it gives. */
export type Commands = {
    status: { takes: undefined; gives: Status };
    dismiss_notice: { takes: { id: number }; gives: null };
    set_profile: { takes: { name: string }; gives: null };
    settings: { takes: undefined; gives: Preferences };
    set_settings: { takes: Partial<Preferences>; gives: Preferences };
    start_server: { takes: { port?: number }; gives: { port: number; addresses: string[] } };
    stop_server: { takes: undefined; gives: null };
    connect: { takes: { address?: string; device_id?: string }; gives: { device_id: string } };
    disconnect: { takes: { device_id: string }; gives: null };
    /** Where an address is given and not reached, the cause comes first. `report`: all of it as text without names. */
    diagnose: { takes: { address?: string }; gives: { checks: Check[]; report: string } };
    peers: { takes: undefined; gives: Peer[] };
    /** Best first: known ones, those with a name, the others. */
    nearby: { takes: undefined; gives: NearbyDevice[] };
    /** Asks each address of the local networks. */
    probe: { takes: undefined; gives: { addresses: number } };
    /** 0: no more. */
    set_visible: { takes: { ttl_ms: number }; gives: { visible_until?: number | null } };
    devices: { takes: undefined; gives: KnownDevice[] };
    set_device: { takes: { device_id: string; name?: string; blocked?: boolean }; gives: null };
    forget_device: { takes: { device_id: string }; gives: null };
    compare: { takes: { device_id: string }; gives: Pictures };
    /** `words`: the pictures that the person saw, which may be over where they differ; others shown by now are not meant. */
    confirm_compare: { takes: { device_id: string; same: boolean; words: string[] }; gives: null };
    create_room: { takes: { name: string }; gives: { room: string } };
    rooms: { takes: undefined; gives: Room[] };
    members: { takes: { room: string }; gives: Member[] };
    invite: {
        takes: { room: string; ttl_ms?: number; uses?: number };
        gives: { link: string; expires_at: number } & ShownCode;
    };
    show_code: { takes: { link: string; knowingly?: boolean }; gives: ShownCode };
    /** The code that is live. */
    shown_code: { takes: undefined; gives: ShownCode };
    hide_code: { takes: undefined; gives: null };
    join: {
        takes: { link: string } | { address: string; code: string };
        gives: { room: string; name: string; pending: boolean };
    };
    /** Rows of `0` (light) and `1` (dark), without the quiet zone. */
    qr_code: { takes: { text: string }; gives: { modules: string[] } };
    /** Takes the link that was opened longest ago and not asked about; the app's own, no other door has it. */
    opened_link: { takes: undefined; gives: OpenedLink | null };
    leave_room: { takes: { room: string }; gives: null };
    remove_member: { takes: { room: string; device_id: string }; gives: null };
    admit: { takes: { room: string; device_id: string }; gives: null };
    hand_over: { takes: { room: string; device_id: string }; gives: null };
    vote: { takes: { room: string; act: Act }; gives: { votes: number; needed: number; done: boolean } };
    room_votes: { takes: { room: string }; gives: Proposal[] };
    send_message: {
        takes: { room: string; text: string; reply_to?: string; client_id?: string };
        gives: { id: string };
    };
    messages: { takes: { room: string; before?: string; limit?: number }; gives: Page };
    /** Writes this device, encrypted, to a new file on its machine. */
    export_identity: { takes: { path: string; passphrase: string }; gives: null };
    /** Makes this device the one in such a file; only while it has no rooms. */
    import_identity: { takes: { path: string; passphrase: string }; gives: null };
    mark_read: { takes: { room: string; id: string }; gives: null };
    receipts: { takes: { id: string }; gives: Receipts };
};

/** All that an event tells the page of a message: which one, and where to pull it from. */
export type MessageHint = Pick<Message, "id" | "room" | "sent_at">;

/**
 * Every event this page listens to. In the app they are small: of a message only what `MessageHint` has, and many that
 * say the same are one.
 */
export type Events = {
    incoming_message: { message: MessageHint };
    /** This device's own, from whichever door. */
    message_sent: { message: MessageHint };
    message_changed: { message: MessageHint };
    message_status: {
        id: string;
        status: MessageStatus;
        stored_by: number;
        delivered_to: number;
        read_by: number;
    };
    peer_connected: { device_id: string; name: string; address: string };
    peer_disconnected: { device_id: string; reason?: string | null };
    receipts_changed: { room: string; device_id: string };
    room_changed: { room: string };
    /** Only how far the room was read here moved. */
    room_read: { room: string };
    /** Somebody typed the code that was shown, or another one. */
    code_ended: { room: string; wrong: boolean };
    /** The person of another device wants to compare. */
    compare_asked: { device_id: string; name: string } & Pictures;
    compare_ended: { device_id: string; name: string; reason: CompareEnd };
    /** `nearby` gives another list. */
    nearby_changed: Record<string, never>;
    server_changed: ServerState;
    store_changed: StoreState;
    notice: Notice;
    events_lost: { count: number };
    /** There is something for `opened_link` to take. */
    link_opened: null;
};

declare global {
    interface Window {
        /** What Tauri puts there with `withGlobalTauri`; absent in a plain browser. */
        __TAURI__?: {
            core: { invoke(command: string, params?: Record<string, unknown>): Promise<unknown> };
            event: {
                listen(event: string, handler: (event: { payload: unknown }) => void): Promise<() => void>;
            };
        };
    }
}
