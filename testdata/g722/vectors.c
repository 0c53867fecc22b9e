/* Makes the test vectors in this folder with spandsp, and measures spandsp with
 * them. See README.md. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spandsp.h>

#define RATE 16000.0
#define BITRATE 64000
#define FRAME 320 /* samples of 20 ms */
#define OCTETS 160

static uint32_t seed;

/* uniform gives a number from -1 to 1. */
static double uniform(void) {
	seed = seed * 1664525u + 1013904223u;
	return (int32_t)seed / 2147483648.0;
}

static int16_t word(double v) {
	return v > 32767 ? 32767 : v < -32768 ? -32768 : (int16_t)lrint(v);
}

/* speech: pulses of a gliding pitch, or noise, through four formants that
 * wander from vowel to vowel, in syllables of changing loudness with pauses. */
static void speech(int16_t *pcm, int n) {
	static const double vowels[][4] = {
		{730, 1090, 2440, 5200}, {270, 2290, 3010, 5600}, {300, 870, 2240, 4900},
		{530, 1840, 2480, 5400}, {570, 840, 2410, 5000},
	};
	const int syllable = 2000;
	double y1[4] = {0}, y2[4] = {0}, phase = 0;
	for (int i = 0; i < n; i++) {
		int s = i / syllable;
		double in = i % syllable / (double)syllable;
		double voice = s % 6 == 5 ? 0 : sin(M_PI * in) * (0.15 + 0.85 * ((s * 5) % 8) / 7.0);
		phase += (130 + 50 * sin(2 * M_PI * 0.7 * i / RATE) + 20 * (s % 3)) / RATE;
		double x = 0;
		if (phase >= 1) {
			phase -= 1;
			x = 1;
		}
		int breath = s % 4 == 3 && in < 0.4;
		x = breath ? 0.15 * uniform() : x + 0.01 * uniform();
		double sum = 0;
		for (int f = 0; f < 4; f++) {
			double a = vowels[s % 5][f], b = vowels[(s + 1) % 5][f];
			double freq = breath ? 3000 + 1200 * f : a + (b - a) * in;
			double r = exp(-M_PI * (60 + 40 * f) / RATE);
			double y = x * (1 - r) * 24 + 2 * r * cos(2 * M_PI * freq / RATE) * y1[f] - r * r * y2[f];
			y2[f] = y1[f];
			y1[f] = y;
			sum += y / (1 + f);
		}
		pcm[i] = word(11000 * voice * sum + 4 * uniform());
	}
}

/* hiss: white, from a whisper to the loudest, then through a low pass. */
static void hiss(int16_t *pcm, int n) {
	double low = 0;
	for (int i = 0; i < n; i++) {
		double x = uniform() * pow(2, 15.0 * (i % (n / 2)) / (n / 2));
		low += 0.2 * (x - low);
		pcm[i] = word(i < n / 2 ? x : 3 * low);
	}
}

/* extremes: what makes words saturate: full scale of both signs, square waves,
 * tones between the bands, single pulses, the smallest values, silence. */
static void extremes(int16_t *pcm, int n) {
	for (int i = 0; i < n; i++) {
		int f = i / FRAME, k = i % FRAME;
		switch (f % 11) {
		case 0: pcm[i] = -32768; break;
		case 1: pcm[i] = 32767; break;
		case 2: pcm[i] = k / 40 % 2 ? 32767 : -32768; break;
		case 3: pcm[i] = k % 2 ? 32767 : -32768; break;
		case 4: pcm[i] = k % 57 == 0 ? 32767 : 0; break;
		case 5: pcm[i] = word(60000 * sin(2 * M_PI * 4000 * k / RATE)); break;
		case 6: pcm[i] = k % 3 - 1; break;
		case 7: pcm[i] = k / 2 % 2 ? 32767 : -32768; break;
		case 8: pcm[i] = word(40000 * sin(2 * M_PI * 300 * k / RATE)); break;
		case 9: pcm[i] = uniform() > 0 ? 32767 : -32768; break;
		case 10: pcm[i] = 0; break;
		}
	}
}

static void put(const char *name, const char *ext, const void *data, size_t size) {
	char path[200];
	snprintf(path, sizeof path, "%s%s", name, ext);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void decode(const char *name, const uint8_t *coded, int frames) {
	int16_t *pcm = malloc(2 * FRAME * frames);
	g722_decode_state_t *d = g722_decode_init(NULL, BITRATE, 0);
	g722_decode(d, pcm, coded, OCTETS * frames);
	g722_decode_free(d);
	put(name, ".out.raw", pcm, 2 * FRAME * frames);
	free(pcm);
}

static void make(const char *name, void (*fill)(int16_t *, int), int frames) {
	int16_t *pcm = malloc(2 * FRAME * frames);
	uint8_t *coded = malloc(OCTETS * frames);
	seed = 1;
	fill(pcm, FRAME * frames);
	put(name, ".in.raw", pcm, 2 * FRAME * frames);
	g722_encode_state_t *e = g722_encode_init(NULL, BITRATE, 0);
	g722_encode(e, coded, pcm, FRAME * frames);
	g722_encode_free(e);
	put(name, ".g722", coded, OCTETS * frames);
	decode(name, coded, frames);
	free(pcm);
	free(coded);
}

/* make_random makes octets that no encoder would, for the decoder alone: any,
 * then runs of one, which drive the predictors to their limits. */
static void make_random(const char *name, int frames) {
	uint8_t *coded = malloc(OCTETS * frames), run = 0;
	seed = 2;
	for (int i = 0; i < OCTETS * frames; i++) {
		uint8_t any = (uint8_t)(128 + 127 * uniform());
		if (i % 40 == 0)
			run = any;
		coded[i] = i < OCTETS * frames / 2 ? any : i / 10 % 2 ? run : run ^ 0xff;
	}
	put(name, ".g722", coded, OCTETS * frames);
	decode(name, coded, frames);
	free(coded);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* bench prints what a frame of speech costs, the best of several rounds. */
static void bench(void) {
	enum { frames = 36, rounds = 60 };
	static int16_t pcm[FRAME * frames], out[FRAME];
	static uint8_t coded[OCTETS * frames];
	seed = 1;
	speech(pcm, FRAME * frames);
	double encode = 1e18, decode = 1e18;
	g722_encode_state_t *e = g722_encode_init(NULL, BITRATE, 0);
	g722_decode_state_t *d = g722_decode_init(NULL, BITRATE, 0);
	for (int r = 0; r < rounds; r++) {
		double t0 = now();
		for (int i = 0; i < frames; i++)
			g722_encode(e, coded + OCTETS * i, pcm + FRAME * i, FRAME);
		double t1 = now();
		for (int i = 0; i < frames; i++)
			g722_decode(d, out, coded + OCTETS * i, OCTETS);
		double t2 = now();
		encode = fmin(encode, (t1 - t0) / frames);
		decode = fmin(decode, (t2 - t1) / frames);
	}
	g722_encode_free(e);
	g722_decode_free(d);
	printf("spandsp: encode %.0f ns, decode %.0f ns a frame\n", encode, decode);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "bench")) {
		bench();
		return 0;
	}
	make("speech", speech, 36);
	make("noise", hiss, 8);
	make("extremes", extremes, 11);
	make_random("random", 10);
	return 0;
}
