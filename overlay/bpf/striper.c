// Deals the bond's packets: each goes over the line on which it will arrive first. docs/striper.md explains it.
// "deal" runs where packets leave over a line's tap, "hear" where they arrive. Both know a line by its tap's number.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LINES 8
#define STAMPS 3 // that agree: what delays a single one is no queue
#define MS 1000000LL

// Settings. bondbox-striper finds them by their first bytes and writes them into a copy of this object before it is loaded.
struct line_conf {
	__u32 ifindex;
	__u32 price; // ns for 256 bytes on the line, as the profile has it ...
	__u32 least, most; // ... and within which it is followed
	__u32 link; // 1: ATM cells, 2: PTM
	__s32 overhead; // bytes; from the Ethernet header on
	__u32 mpu;
	__u32 delay; // µs that it takes longer than the nearest line, until that has been measured
	__u32 reserve; // 1: it is used where the others are full, 2: where no other is
};
struct conf {
	char mark[8];
	__u32 lines;
	__u32 silence; // ms without a frame, after which a line is not used
	struct line_conf line[LINES];
};
// As numbers, so that the kernel is told no names of them: user-data has to be small.
const volatile __u32 settings[sizeof(struct conf) / 4] SEC(".rodata") = { 0x444e4f42, 0x00584f42 };
#define conf (*(const volatile struct conf *)settings)

// What is known of a line. Times are of this machine's clock, ns, but those that end in _us.
struct line {
	__u64 busy; // until then it is busy with what it has been given
	__u64 heard; // when it last brought a frame; 0: the far end says that it receives nothing over it
	__u64 stamped; // when the last stamp left
	__u64 asked; // when the last ARP frame left unchanged
	__u64 work; // how long what it was given since adjusted_us keeps it busy, ns, ...
	__u64 load; // ... and since the state's "looked"
	__s32 off_us; // by how much that was wrong of late, ...
	__u32 off_work_us; // ... and how much work that was
	__u64 used; // when it last had a packet, either way
	__u64 alone; // when another line brought something, the first since this one did
	// Of the other direction, to report: the times of the latest stamps, what they took more than the least, the least of each period.
	__u32 seen_us[STAMPS];
	__u32 over_us[STAMPS];
	__u32 least_us[2];
	// And whether it loses packets, or its delay jumps: see judge.
	__u64 judged; // when the last stamp came
	__u64 steady; // when its delay last did not jump
	__u64 until; // as long it is not taken for well again
	__u32 got; // frames
	__u32 got_before, given_before; // at the last stamp
	__u32 sent, lost; // of late
	__u32 jumps_us; // by which its delay goes up and down of late, ...
	__u32 jumped_us[2]; // ... and most of each period
	// How late stamps are while next to nothing is sent: the two latest of this period, and the second of the last one that had enough of them.
	__u32 late_us[2], latest_us;
	__u32 took_us[2]; // the last two stamps, queue included
	__u32 hold; // s, how long until was ahead
	__u8 gaps; // between two stamps that lost any, of late
	__u8 quiet; // stamps in a row since next to nothing is sent, ...
	__u8 quiets; // ... and how many of this period late_us are of
	__u8 ails, by; // what, and by how much
	// Of this direction, as the far end has reported it.
	__u8 reported_ails, reported_by;
	__u32 base_us;
	__u32 adjusted_us; // stamps sent before this time say nothing new
	__u32 eased_us; // when the price was last too low, ...
	__u32 eased; // ... and what it was
	__u32 wait_us; // for so long it is not lowered again
	__u32 packets; // given since stamped
	__u32 given; // frames
	__u32 missed; // frames that the others have brought since then, ...
	__u32 usual; // ... and how many that was of late
	__u8 promised; // how often the far end stamps it while it sends anything, as in a stamp
	__u8 known; // whether least_us are, ...
	__u8 fresh; // ... the first of them from this period, ...
	__u8 reported; // ... base_us is
	__u8 silent; // not usable, when it was last looked at
};

struct state {
	struct bpf_spin_lock lock;
	__u32 turn; // the line that the last stamp has reported
	__u32 alone; // whether one line carries everything
	__u64 period; // when it began
	__u64 looked; // whether the lines are full; when they last were
	__u64 full;
	struct line line[LINES];
};

// What shell programs read, by its place: a map of its own, since the kernel takes long to print a large one.
struct seen {
	struct {
		__u32 price; // as now seen; 0: as the profile has it
		__u32 delay_us; // more than that of the nearest line
		__u32 aside; // 0: it is used; else why not: what ails it times 256, and by how much
		__u32 found; // the same of the other direction, as this end has found it; in the upper half what 1,536 bytes take there, see packed
	} line[LINES];
};
// What ails a line: it loses packets (of 1000), or its delay jumps (by quarters of a ms). Or others do without it.
enum { WELL, LOSES, JUMPS, SPARE, RESERVE, SILENT };

// The kernel has to know of the lock alone, and what it knows of the rest would double the program's size.
struct opaque_state {
	struct bpf_spin_lock lock;
	__u32 rest[sizeof(struct state) / 4 - 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct opaque_state);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} striper_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[sizeof(struct seen) / 4]); // as numbers, see settings
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} striper SEC(".maps");

// A stamp is a frame between the two ends, so that each measures what it receives and reports it to the other. No longer than this: what
// follows may be overwritten by a checksum of the packet that the frame was made of.
#define STAMP 0x88b6
#define SIGN 0x88b5 // of bondbox-watchdog: this end receives nothing over the line
#define VERSION 2
#define QUEUE 0xffffff
struct stamp {
	__u32 sent_us;
	__u32 queue_us; // how long the line will be busy, as the sender thinks; in the upper eight bits what 1,536 bytes take, see packed
	// Of one line in the other direction: over_us is what all stamps since seen_us have taken more than the least.
	__u32 seen_us, least_us, over_us;
	__u8 ails, by;
	__u16 given; // frames to the line of the stamp, which is the last of them
	__u8 line; // that one, and the version times 16; LINES: none
	__u8 promise; // within so many times 2 ms another one follows, while anything is sent; 0: none need
} __attribute__((packed));
_Static_assert(sizeof(struct stamp) <= 26, "what lies beyond may be overwritten");

enum { FRESH, DEALT, DONE, STAMPED }; // tc_index: how far a packet has come
#define FIRST_WAIT_US 500000
#define LONGEST_WAIT_US 8000000
#define LITTLE (1 * MS) // of work, between two reports
#define SLACK_US 4000 // by which a queue may differ from what was thought
#define WORK_US 64000 // by which a rate is judged, or ...
#define LEAST_WORK_US 8000 // ... one that is very wrong
#define PERIOD (16000 * MS)
#define FULL_US 150000 // of queue, from which on what is lost may have found no room
#define IDLE_US 2000 // of queue at most, for a delay that counts
// While an end sends anything, it stamps those lines that were used a second ago, and says how often. One of these that brings nothing while
// others bring so much, for one and a half times as long and a queue's time more, is dead.
#define USED_LATELY (1000 * MS)
#define MISSED 3
#define MISSED_FOR (100 * MS)
// Long before, it is in doubt: others bring much more than they usually do in between. What is sent then goes over another one, if that is not
// much farther, so that acknowledgements still come and a flow does not stand still.
#define DOUBT 8
#define DOUBT_FOR (20 * MS)
#define DOUBT_COSTS (100 * MS)
#define ASKS (2500 * MS) // the kernel asks three times for an address, for 3 s
#define JUMP_US 5000000
#define LONG_AGO (10000 * MS) // clocks drift apart
// A line loses packets if one of LOST_OF is lost, in so many gaps between stamps; an interruption is but one.
#define LOST_OF 300
#define GAPS 3
#define OF_LATE 2048 // packets
#define SURE 256 // packets, or as many lost as this: how much is lost is then known
#define SURE_LOST 16
#define JUMPS_US 2000
#define JUMPS_FOR (8000 * MS) // while a changed rate is being found, it does, too
#define MOST_JUMP_US 32000
// Next to nothing is sent: so few frames between two stamps, for so many stamps, that no queue is left.
#define FEW 3
#define QUIET 3
#define QUIETS 20 // that say how late the latest is
#define MOST_LATE_US 64000
#define HOLD 60 // s; twice as long each time, up to ...
#define LONGEST_HOLD 960
// Between two stamps
#define LEAST_GAP (25 * MS)
#define LEAST_PACKETS 16 // or ...
#define LONG_GAP (100 * MS)
// Lines that have been busy for so much of a second are full together. The shaper leaves a twentieth of them.
#define LOOK (1000 * MS)
#define FULL(time) ((time) / 8 * 7)
#define FULL_FOR (1500 * MS)
#define SPARE_FOR (10000 * MS)
#define ASIDE (1ULL << 60) // later than any line that is not set aside
// A packet of the TCP lane names its line by its VLAN: this one the first, and so on. One that takes more than LANE_MOST ns for 256 bytes,
// which are 2 Mbit/s, is too slow for the bursts that come that way. A tag takes TAG bytes.
#define LANE 101
#define LANE_MOST 1024000
#define TAG 4
#define VLAN_VID 0xfff

// A line's number, or LINES, which the kernel's verifier then takes for any number below 16: knowing it, it would follow every choice of lines
// apart, a million steps with eight lines. These bits of the clock are 0 for 36 years.
// All 64 bits of it, since Linux 6.1's loses what it knows of a number in 32.
static __always_inline __u64 any(__u64 i, __u64 now)
{
	return i ^ now >> 60;
}

// The number of a line, once more. Linux 6.1's verifier forgets that it has been compared when it is kept on the stack meanwhile.
static __always_inline __u64 bounded(__u64 i)
{
	asm volatile("" : "+r"(i));
	return i & (LINES - 1);
}

// Whether two numbers are equal, without the compiler's taking one for the other from there on, since one is bounded and the other is not.
static __always_inline int same(__u64 a, __u64 b)
{
	a ^= b;
	asm volatile("" : "+r"(a));
	return !a;
}

static __always_inline __u32 tap_of(__u64 i)
{
	return conf.line[bounded(i)].ifindex;
}

static __always_inline __u64 index_of(__u32 ifindex, __u64 now)
{
	__u32 i;

	for (i = 0; i < LINES; i++)
		if (i < conf.lines && conf.line[i].ifindex == ifindex)
			break;
	return any(i, now);
}

// What 256 bytes take on a line, ns
static __always_inline __u64 price_of(const struct seen *v, __u32 i)
{
	return v->line[i].price ? v->line[i].price : conf.line[i].price;
}

// kbit/s
static __always_inline __u64 rate_of(const struct seen *v, __u32 i)
{
	return 2048000000ULL / (price_of(v, i) | 1);
}

// How long a line takes to send this, ns
static __noinline __u64 cost_of(const void *v, __u32 i, __u32 len, __u32 segments)
{
	const volatile struct line_conf *c = &conf.line[i];
	__u64 bytes = len / segments + c->overhead;

	if (bytes < c->mpu)
		bytes = c->mpu;
	if (c->link == 1)
		bytes = (bytes + 47) / 48 * 53;
	else if (c->link == 2)
		bytes += (bytes + 63) / 64;
	return (bytes * segments * price_of(v, i)) >> 8;
}

// µs as three bits and the five of their place: the next one is longer by an eighth at most
static __always_inline __u32 packed(__u64 us)
{
	__u32 place;

	for (place = 0; place < 24 && us > 15; place++)
		us >>= 1;
	return place << 3 | (us & 7);
}

static __always_inline __u32 unpacked(__u32 code)
{
	return (8 | (code & 7)) << (code >> 3 & 31);
}

static __always_inline __u32 least_of(__u64 a, __u32 b)
{
	return a < b ? a : b;
}

// How long ago that was, ns; negative where another processor has noted it meanwhile
static __always_inline __s64 since(__u64 then, __u64 now)
{
	return now - then;
}

static __always_inline int heard(const struct line *l, __u64 now)
{
	return since(l->heard, now) < (__s64)(conf.silence * MS);
}

static __always_inline int usable(const struct line *l, __u64 now)
{
	return heard(l, now) && !(l->promised && l->missed >= MISSED && since(l->alone, now) > MISSED_FOR + 3 * MS * l->promised);
}

static __always_inline int in_doubt(const struct line *l, __u64 now)
{
	return l->promised && l->missed > DOUBT + 2 * l->usual && since(l->alone, now) > DOUBT_FOR;
}

// The least delay of this period and the one before
static __always_inline __u32 base_of(const struct line *l)
{
	return l->fresh && (__s32)(l->least_us[0] - l->least_us[1]) < 0 ? l->least_us[0] : l->least_us[1];
}

// The line that the packet names by its VLAN; LINES or more: it names none
static __always_inline __u64 named_by(const struct __sk_buff *skb, __u64 now)
{
	return any(skb->vlan_present ? (skb->vlan_tci & VLAN_VID) - LANE : LINES, now);
}

// Whether the line carries what names it, also while it is set aside for what ails it: that is what the lane is for. Else that goes as all goes.
static __always_inline int serves(const struct line *l, const struct seen *v, __u32 i, __u64 now)
{
	__u32 why = v->line[i].aside >> 8;

	return why != RESERVE && why != SILENT && usable(l, now) && !in_doubt(l, now) && price_of(v, i) <= LANE_MOST;
}

// The line is busy for as much longer, ns
static __always_inline void spend(struct state *s, struct line *l, __s64 cost, __u64 now)
{
	bpf_spin_lock(&s->lock);
	if (l->busy < now)
		l->busy = now;
	l->busy += cost;
	bpf_spin_unlock(&s->lock);
}

// The longest time between two stamps of a line while anything is sent, ns. Stamps take no more than a sixty-fourth of it.
static __always_inline __u64 gap_of(const struct seen *v, __u32 i)
{
	__u64 gap = cost_of(v, i, 72, 1) << 6;

	return gap > LONG_GAP ? gap : LONG_GAP;
}

// How late a line's stamps may be without a queue. One that is busy and keeps packets in order is as late as its latest ones, however little it
// is given; quiet stamps have shown how late these are.
static __always_inline __u32 allowed_us(const struct line *l)
{
	__u32 late = l->late_us[1] > l->latest_us ? l->late_us[1] : l->latest_us;
	__u32 jumps = 4 * (l->jumped_us[0] > l->jumped_us[1] ? l->jumped_us[0] : l->jumped_us[1]);

	late += late / 2;
	return l->ails == JUMPS && jumps > late ? jumps : late;
}

// Makes a stamp for a line of the packet, which has been sent. Its report goes round the lines.
static __always_inline int stamp(struct __sk_buff *skb, struct state *s, const struct seen *v, __u64 own, __u64 now)
{
	__u16 type = bpf_htons(STAMP);
	struct stamp frame = { .line = VERSION << 4 | LINES };
	struct line *l = &s->line[own], *r;
	__u32 turn = s->turn, late, i;
	__u64 gap;

	// A stamp is for the line that it goes over.
	if (skb->vlan_present)
		bpf_skb_vlan_pop(skb);
	// The kernel refuses to cut a packet off before its checksum's field.
	if (bpf_skb_change_tail(skb, 40, 0) && bpf_skb_change_tail(skb, 72, 0))
		return TC_ACT_SHOT;
	skb->tc_index = STAMPED;
	spend(s, l, cost_of(v, own, skb->len, 1), now);
	frame.given = __sync_fetch_and_add(&l->given, 1) + 1;
	l->stamped = now;
	l->packets = 0;
	if (since(l->used, now) < USED_LATELY) {
		gap = gap_of(v, own);
		frame.promise = gap < 510 * MS ? gap / (2 * MS) : 0;
	}
	frame.sent_us = now / 1000;
	frame.queue_us = ((l->busy > now ? l->busy - now : 0) / 1000 & QUEUE) | packed(price_of(v, own) * 6 / 1000) << 24;
	turn = turn + 1 < conf.lines ? turn + 1 : 0;
	s->turn = turn;
	if (turn < LINES) {
		r = &s->line[turn];
		if (r->known) {
			frame.line = VERSION << 4 | turn;
			frame.least_us = base_of(r);
			frame.seen_us = r->seen_us[STAMPS - 1];
			frame.over_us = r->over_us[0];
			for (i = 1; i < STAMPS; i++)
				if ((__s32)(r->over_us[i] - frame.over_us) < 0)
					frame.over_us = r->over_us[i];
			late = allowed_us(r);
			if ((__s32)frame.over_us > 0)
				frame.over_us = frame.over_us > late ? frame.over_us - late : 0;
			// Nothing comes over it: for the sender that is silence, too.
			frame.ails = usable(r, now) ? r->ails : SILENT;
			frame.by = r->by;
		}
	}
	bpf_skb_store_bytes(skb, 12, &type, sizeof(type), 0);
	bpf_skb_store_bytes(skb, 14, &frame, sizeof(frame), 0);
	return TC_ACT_UNSPEC;
}

// The line that it names, or that on which this will arrive first; LINES where none can be used. It is busy for as much longer.
static __always_inline __u64 choose(struct state *s, const struct seen *v, __u32 len, __u32 segments, __u64 named, __u64 now)
{
	__u64 first = ~0ULL, until = 0, cost[LINES];
	__u64 best = any(LINES, now);
	__u32 i;

	for (i = 0; i < LINES && i < conf.lines; i++)
		cost[i] = cost_of(v, i, len, segments);
	bpf_spin_lock(&s->lock);
	for (i = 0; i < LINES && i < conf.lines; i++) {
		struct line *l = &s->line[i];
		__u64 end = (l->busy > now ? l->busy : now) + cost[i];
		__u64 arrival = end + (l->reported ? v->line[i].delay_us : conf.line[i].delay) * 1000ULL;

		if (v->line[i].aside || (!l->reported && conf.line[i].reserve))
			arrival += ASIDE;
		if (in_doubt(l, now))
			arrival += DOUBT_COSTS;
		if (same(i, named) && serves(l, v, i, now))
			arrival = 0;
		if (!usable(l, now) || arrival >= first)
			continue;
		first = arrival;
		until = end;
		best = any(i, now);
	}
	if (best < LINES) {
		struct line *l = &s->line[best];
		__u64 took = until - (l->busy > now ? l->busy : now);

		l->used = now;
		l->work += took;
		l->load += took;
		l->busy = until;
	}
	bpf_spin_unlock(&s->lock);
	return best;
}

// Whether a line is to be stamped, at most once in each gap. Stamps take no more than a sixty-fourth of a line.
static __always_inline int due(const struct state *s, const struct seen *v, __u32 i, __s64 gap, __u64 now)
{
	const struct line *l = &s->line[i];
	__s64 passed = since(l->stamped, now);

	return heard(l, now) && passed >= gap && passed >= (__s64)(cost_of(v, i, 72, 1) << 6);
}

// Frames that the far end will see of it
static __always_inline __u32 segments_of(const struct __sk_buff *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

// The packet leaves over the line.
static __always_inline int pass(const struct __sk_buff *skb, struct line *l)
{
	__sync_fetch_and_add(&l->given, segments_of(skb));
	return TC_ACT_UNSPEC;
}

SEC("deal") int deal_packet(void *context)
{
	struct __sk_buff *skb = context;
	__u64 now = bpf_ktime_get_ns();
	__u64 own = index_of(skb->ifindex, now), named = named_by(skb, now), best, stamped = any(LINES, now);
	__u32 zero = 0, i;
	struct state *s = bpf_map_lookup_elem(&striper_state, &zero);
	struct seen *v = bpf_map_lookup_elem(&striper, &zero);
	struct line *l;
	__u16 asks;

	if (!s || !v || skb->tc_index == STAMPED)
		return TC_ACT_UNSPEC;
	if (own >= LINES) {
		// The bond itself: its shaper goes by the lines that are not set aside, so what goes over another one passes it by.
		if (named >= LINES)
			return TC_ACT_UNSPEC;
		best = bounded(named);
		return v->line[best].aside && serves(&s->line[best], v, best, now) ? bpf_redirect(tap_of(best), 0) : TC_ACT_UNSPEC;
	}
	l = &s->line[own];
	if (skb->tc_index == DONE)
		return pass(skb, l);
	if (skb->protocol == bpf_htons(ETH_P_ARP) && named >= LINES) {
		// The monitor's probes show whether their own line carries, and so does a stamp. Some are left for those who ask for an address,
		// and so are answers.
		if (bpf_skb_load_bytes(skb, 20, &asks, sizeof(asks)) || asks != bpf_htons(1) || since(l->asked, now) >= ASKS ||
		    !due(s, v, own, LEAST_GAP, now)) {
			if (asks == bpf_htons(1))
				l->asked = now;
			spend(s, l, cost_of(v, own, skb->len, 1), now);
			return pass(skb, l);
		}
		stamped = own;
	} else {
		best = own;
		if (skb->tc_index == FRESH) {
			best = choose(s, v, skb->len + (named < LINES ? TAG * segments_of(skb) : 0), segments_of(skb), named, now);
			if (best >= LINES)
				return pass(skb, l);
			skb->tc_index = DEALT;
			for (i = 0; i < LINES && i < conf.lines; i++)
				if (i != best && since(s->line[i].used, now) < 2 * USED_LATELY && due(s, v, i, s->line[i].off_us ? LEAST_GAP : LONG_GAP, now))
					stamped = any(i, now);
		}
		if (stamped >= LINES && best == own && due(s, v, own, ++l->packets < LEAST_PACKETS && !l->off_us ? LONG_GAP : LEAST_GAP, now)) {
			stamped = own;
			skb->tc_index = DONE;
		}
		if (stamped >= LINES)
			return best == own ? pass(skb, l) : bpf_redirect(tap_of(best), 0);
		// The stamp is made of the packet, and this is the packet.
		bpf_clone_redirect(skb, tap_of(best), 0);
	}
	if (stamp(skb, s, v, stamped, now) == TC_ACT_SHOT)
		return TC_ACT_SHOT;
	return stamped == own ? TC_ACT_UNSPEC : bpf_redirect(tap_of(stamped), 0);
}

// Follows the line's rate. What it was given took so much longer, or shorter, than thought.
static __always_inline void follow(struct seen *v, struct line *l, __u32 i, __s32 over_us, __u32 work_us, __u32 span_us, int full, __u32 now_us)
{
	__u32 by = over_us < 0 ? -over_us : over_us, gone = now_us - l->eased_us;
	__u64 price = price_of(v, i), before = price, share = 0;
	__s32 off = 0;
	int busy = work_us > span_us / 16 * 13;

	// A line that is much slower than thought is given little at a time, and a short delay of a busy one may be followed by as short a hurry.
	// One that carries next to nothing may be late for reasons of its own.
	if (l->work > LITTLE) {
		l->off_work_us += work_us;
		if (by >= SLACK_US)
			l->off_us += over_us;
	}
	by = l->off_us < 0 ? -l->off_us : l->off_us;
	if (l->off_work_us > (by > l->off_work_us / 2 ? LEAST_WORK_US : WORK_US)) {
		off = l->off_us;
		share = by * 128ULL / l->off_work_us;
		l->off_us = 0;
		l->off_work_us = 0;
	}
	if (off < 0) {
		price -= price * (share > 16 ? 16 : share) >> 8;
	} else if (off > 0) {
		price += price * (share > 512 ? 512 : share) >> 8;
		// Too little once more, and as before: that is what the line carries.
		if (gone > FIRST_WAIT_US) {
			if (before < l->eased - l->eased / 8 || before > l->eased + l->eased / 8)
				l->wait_us = FIRST_WAIT_US;
			else if (l->wait_us < LONGEST_WAIT_US)
				l->wait_us *= 2;
			l->eased = before;
		}
		l->eased_us = now_us;
	} else if (!by && (busy || full) && gone > FIRST_WAIT_US) {
		// Nothing stands in its way: perhaps it can carry more, and much more if that is so beyond what was too little. Or the lines are full,
		// and it has little of that or, being taken for so slow, nothing.
		if (busy && price > l->eased + l->eased / 16)
			price -= price >> 4;
		else if (gone > l->wait_us)
			price -= price >> (!busy || price > l->eased - l->eased / 8 ? 5 : 3);
	}
	if (price < conf.line[i].least)
		price = conf.line[i].least;
	if (price > conf.line[i].most)
		price = conf.line[i].most;
	v->line[i].price = price;
}

// Whether the lines were full of late
static __always_inline int is_full(const struct state *s, __u64 now, __s64 late)
{
	return s->full && since(s->full, now) < late;
}

// Chooses which lines are used. What is dealt over several suffers from the worst of them: a lost packet halves a flow, a late one looks lost.
// So the lines that are well carry everything, or one of the others does, if it carries much more by itself. Where none is well, those that
// ail from the same make each other no worse, and it may be this machine that is slow.
static __always_inline void set_aside(struct state *s, struct seen *v, __u64 now)
{
	__u64 well = 0, most = 0; // kbit/s
	__u64 alone = LINES;
	__u32 ails = WELL, reserve = 0, i;
	__u64 passed = since(s->looked, now);

	if (passed > LOOK) {
		__u64 load = 0, most_load = 0;

		for (i = 0; i < LINES && i < conf.lines; i++) {
			__u64 rate = rate_of(v, i);

			if (!conf.line[i].reserve && !v->line[i].aside) {
				load += rate * s->line[i].load;
				most_load += rate * passed;
			}
			s->line[i].load = 0;
		}
		if (load >= FULL(most_load))
			s->full = now;
		s->looked = now;
	}
	if (is_full(s, now, SPARE_FOR))
		reserve = 1;
again:
	for (i = 0; i < LINES && i < conf.lines; i++) {
		struct line *l = &s->line[i];
		__u64 rate = rate_of(v, i), flow;

		l->silent = !usable(l, now) || l->reported_ails == SILENT;
		if (l->silent || conf.line[i].reserve > reserve)
			continue;
		if (l->reported_ails == WELL) {
			well += rate;
			continue;
		}
		// What losses leave to a flow: a second's worth of packets at a round trip of 60 ms, about.
		flow = 24000 / (l->reported_by + 2);
		if (l->reported_ails == LOSES && flow < rate)
			rate = flow;
		if (rate > most) {
			most = rate;
			alone = any(i, now);
			ails = l->reported_ails;
		}
	}
	// Those in reserve count where there are no others.
	if (!well && !most && reserve++ < 2)
		goto again;
	s->alone = most > (s->alone ? well : well + well / 2);
	for (i = 0; i < LINES && i < conf.lines; i++) {
		struct line *l = &s->line[i];

		__u32 aside = l->reported_ails << 8 | l->reported_by;

		// The shaper goes by it, a second before the monitor has seen it.
		if (l->silent)
			aside = SILENT << 8;
		else if (conf.line[i].reserve > reserve)
			aside = RESERVE << 8;
		else if (l->reported_ails == (s->alone ? ails : WELL) && (!well || !s->alone || i == alone))
			aside = 0;
		else if (l->reported_ails == WELL)
			aside = SPARE << 8;
		v->line[i].aside = aside;
	}
}

// Takes over what the far end says of a line, and how the lines' delays differ.
static __always_inline void learn(struct state *s, struct seen *v, const struct stamp *frame, __u64 now)
{
	__u32 i, least = 0, any = 0, now_us = now / 1000, span, gone;
	struct line *l;

	i = frame->line & 15;
	if (i >= LINES || i >= conf.lines)
		return;
	l = &s->line[i];
	l->base_us = frame->least_us;
	l->reported = 1;
	l->reported_ails = frame->ails;
	l->reported_by = frame->by;
	// By how much the line's queue was longer or shorter than thought, since the last change. What was long ago says nothing.
	gone = now_us - l->adjusted_us;
	span = frame->seen_us - l->adjusted_us;
	if (gone > JUMP_US || (__s32)span > 0) {
		if (gone <= JUMP_US) {
			// What the lane gives a line that is set aside is its own affair: it fills none.
			if (!v->line[i].aside)
				follow(v, l, i, frame->over_us, l->work / 1000 * span / gone, span, is_full(s, now, FULL_FOR), now_us);
			spend(s, l, (__s32)frame->over_us * 1000LL, now);
		}
		l->work = 0;
		l->adjusted_us = now_us;
	}
	for (i = 0; i < LINES && i < conf.lines; i++) {
		l = &s->line[i];
		if (!l->reported)
			continue;
		if (!any || (__s32)(l->base_us - least) < 0)
			least = l->base_us;
		any = 1;
	}
	for (i = 0; i < LINES && i < conf.lines; i++) {
		l = &s->line[i];
		v->line[i].delay_us = l->reported ? l->base_us - least : 0;
	}
}

// By how much this went up and down again, or down and up
static __always_inline __u32 turn_of(__u32 third, __u32 second, __u32 first)
{
	__s32 after = third - second, before = second - first;

	if ((after ^ before) >= 0)
		return 0;
	if (after < 0)
		after = -after;
	else
		before = -before;
	return after < before ? after : before;
}

// What has been lost counts half from now on.
static __always_inline void forget(struct line *l)
{
	l->sent /= 2;
	l->lost /= 2;
	l->gaps /= 2;
}

static __always_inline void fall_ill(struct line *l, __u8 ails, __u64 now)
{
	if (l->ails == WELL) {
		// Well for hours: that is over.
		if (since(l->until, now) > LONGEST_HOLD * 10000 * MS)
			l->hold = 0;
		l->hold = !l->hold ? HOLD : l->hold < LONGEST_HOLD ? 2 * l->hold : LONGEST_HOLD;
		l->sent = 0;
		l->lost = 0;
		l->gaps = 0;
	}
	l->ails = ails;
	l->until = now + l->hold * 1000 * MS;
}

// What ails the line, from the frames that came since its last stamp and from how long the stamps took.
static __always_inline void judge(struct line *l, const struct stamp *frame, __u32 took_us, __u32 *found, __u64 now)
{
	// How far it may jump: what arrives is as coarse as a packet.
	__u32 coarse_us = JUMPS_US + unpacked(frame->queue_us >> 24);
	__u32 sent = (__u16)(frame->given - l->given_before), got = l->got - l->got_before;
	// What the sender did not foresee may be a queue that it corrects too much, and what it did foresee is none of the line's doing.
	__u32 jump = turn_of(l->over_us[0], l->over_us[1], l->over_us[2]), whole = turn_of(took_us, l->took_us[0], l->took_us[1]);

	__u32 late = (__s32)l->over_us[0] > 0 ? least_of(l->over_us[0], MOST_LATE_US) : 0;

	l->quiet = sent > FEW ? 0 : l->quiet < 255 ? l->quiet + 1 : 255;
	if (l->quiet > QUIET) {
		if (l->quiets < QUIETS)
			l->quiets++;
		if (late > l->late_us[1])
			l->late_us[1] = least_of(late, l->late_us[0]);
		if (late > l->late_us[0])
			l->late_us[0] = late;
	}
	if (jump > whole)
		jump = whole;
	l->took_us[1] = l->took_us[0];
	l->took_us[0] = took_us;
	// After a silence all is counted anew. What a full queue loses is no fault of the line, be it that of a modem or of a busy processor, and
	// be it foreseen: when a line dies, the others get more than they carry until that is noticed.
	if (since(l->judged, now) < (__s64)(conf.silence * MS)) {
		jump = least_of(jump, MOST_JUMP_US);
		l->jumps_us = jump > l->jumps_us ? (15 * l->jumps_us + jump) / 16 : (31 * l->jumps_us + jump) / 32;
		if (l->jumps_us > l->jumped_us[0])
			l->jumped_us[0] = l->jumps_us;
		if ((__s32)l->over_us[0] < SLACK_US && (__s32)l->over_us[1] < SLACK_US && (frame->queue_us & QUEUE) < FULL_US) {
			l->sent += sent;
			if (sent > got) {
				l->lost += sent - got;
				if (l->gaps < 255)
					l->gaps++;
			}
		}
	}
	if (l->jumps_us < coarse_us)
		l->steady = now;
	l->judged = now;
	l->given_before = frame->given;
	l->got_before = l->got;
	if (l->lost * LOST_OF > l->sent && l->gaps >= GAPS) {
		if (l->ails != LOSES || l->sent >= SURE || l->lost >= SURE_LOST)
			l->by = least_of(l->lost * 1000 / (l->sent | 1), 255);
		fall_ill(l, LOSES, now);
	} else if (since(l->steady, now) > JUMPS_FOR) {
		l->by = l->jumps_us / 250;
		fall_ill(l, JUMPS, now);
	} else if ((l->ails != JUMPS || l->jumps_us < coarse_us / 4 * 3) && since(l->until, now) > 0) {
		l->ails = WELL;
		l->by = 0;
	}
	*found = frame->queue_us >> 24 << 16 | l->ails << 8 | l->by;
	if (l->sent >= OF_LATE)
		forget(l);
}

// Begins what is measured by periods anew, and forgets what the far end has long not said again: it may have no striper any more.
static __always_inline void begin_period(struct state *s, struct seen *v, __u64 now)
{
	__u32 i;

	s->period = now;
	for (i = 0; i < LINES && i < conf.lines; i++) {
		struct line *l = &s->line[i];

		forget(l);
		l->jumped_us[1] = l->jumped_us[0];
		l->jumped_us[0] = l->jumps_us;
		// A period that was hardly quiet does not say that the line is never late.
		if (l->quiets >= QUIETS || l->late_us[1] > l->latest_us)
			l->latest_us = l->late_us[1];
		l->late_us[0] = 0;
		l->late_us[1] = 0;
		l->quiets = 0;
		if (l->fresh) {
			l->least_us[1] = l->least_us[0];
			l->fresh = 0;
		}
		if (since(l->judged, now) > 2 * PERIOD) {
			l->reported = 0;
			l->reported_ails = WELL;
			l->promised = 0;
			v->line[i].found = 0;
		}
	}
}

// Measures the line that the stamp came over, and takes over what it reports.
static __always_inline int hear_stamp(struct __sk_buff *skb, struct state *s, struct seen *v, __u64 own, __u64 now)
{
	struct line *l = &s->line[own];
	struct stamp frame;
	__u32 delay, queue_us, jump, idle, i;

	if (bpf_skb_load_bytes(skb, 14, &frame, sizeof(frame)) || frame.line >> 4 != VERSION)
		return 0;
	l->promised = frame.promise;
	queue_us = frame.queue_us & QUEUE;
	delay = now / 1000 - frame.sent_us - queue_us;
	// The far end has started anew, and so has its clock.
	jump = delay - base_of(l);
	if (l->known && jump + JUMP_US > 2 * JUMP_US)
		for (i = 0; i < LINES; i++)
			s->line[i].known = 0;
	// Of a busy line the delay is not known apart from its queue. The stamp itself takes as long as 256 bytes at most.
	idle = queue_us < IDLE_US + unpacked(frame.queue_us >> 24) / 6;
	if (!l->known || (!l->fresh && idle))
		l->least_us[0] = delay;
	if (!l->known)
		l->least_us[1] = delay;
	if (idle) {
		l->fresh = 1;
		if ((__s32)(delay - l->least_us[0]) < 0)
			l->least_us[0] = delay;
	}
	l->known = 1;
	for (i = STAMPS - 1; i > 0; i--) {
		l->seen_us[i] = l->seen_us[i - 1];
		l->over_us[i] = l->over_us[i - 1];
	}
	l->seen_us[0] = frame.sent_us;
	l->over_us[0] = delay - base_of(l);
	judge(l, &frame, delay + queue_us, &v->line[own].found, now);
	learn(s, v, &frame, now);
	return 1;
}

SEC("hear") int hear_packet(void *context)
{
	struct __sk_buff *skb = context;
	__u64 now = bpf_ktime_get_ns();
	__u64 own = index_of(skb->ifindex, now);
	__u32 zero = 0, i;
	struct state *s = bpf_map_lookup_elem(&striper_state, &zero);
	struct seen *v = bpf_map_lookup_elem(&striper, &zero);
	struct line *l;
	int news = 0;

	if (!s || !v || own >= LINES)
		return TC_ACT_UNSPEC;
	l = &s->line[own];
	if (skb->protocol == bpf_htons(SIGN)) {
		l->heard = 0;
		return TC_ACT_UNSPEC;
	}
	if (since(l->heard, now) > LONG_AGO)
		l->known = 0;
	l->heard = now;
	l->usual = l->missed > l->usual ? l->missed : 15 * l->usual / 16;
	l->missed = 0;
	l->got++;
	if (since(s->period, now) > PERIOD) {
		begin_period(s, v, now);
		news = 1;
	}
	if (skb->protocol != bpf_htons(ETH_P_ARP)) {
		for (i = 0; i < LINES && i < conf.lines; i++)
			if (i != own && !s->line[i].missed++)
				s->line[i].alone = now;
		if (skb->protocol == bpf_htons(STAMP))
			news |= hear_stamp(skb, s, v, own, now);
		else
			l->used = now;
	}
	if (news)
		set_aside(s, v, now);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
