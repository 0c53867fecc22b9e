/* Makes the test vectors in this folder with libgsm, and measures libgsm with
 * them. See README.md. */

#include <gsm.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME 160
#define OCTETS 33
#define RATE 8000.0

static uint32_t seed;

/* uniform gives a number from -1 to 1. */
static double uniform(void) {
	seed = seed * 1664525u + 1013904223u;
	return (int32_t)seed / 2147483648.0;
}

static int16_t word(double v) {
	return v > 32767 ? 32767 : v < -32768 ? -32768 : (int16_t)lrint(v);
}

/* speech: pulses of a gliding pitch, or noise, through three formants that
 * wander from vowel to vowel, in syllables of changing loudness with pauses. */
static void speech(int16_t *pcm, int n) {
	static const double vowels[][3] = {
		{730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240}, {530, 1840, 2480}, {570, 840, 2410},
	};
	const int syllable = 1600;
	double y1[3] = {0}, y2[3] = {0}, phase = 0;
	for (int i = 0; i < n; i++) {
		int s = i / syllable;
		double in = i % syllable / (double)syllable;
		double t = i / RATE;
		double voice = s % 7 == 6 ? 0 : sin(M_PI * in) * (0.15 + 0.85 * ((s * 5) % 8) / 7.0);
		double pitch = 130 + 50 * sin(2 * M_PI * 0.7 * t) + 20 * (s % 3);
		phase += pitch / RATE;
		double x = 0;
		if (phase >= 1) {
			phase -= 1;
			x = 1;
		}
		int hiss = s % 4 == 3 && in < 0.4;
		x = hiss ? 0.15 * uniform() : x + 0.01 * uniform();
		double sum = 0;
		for (int f = 0; f < 3; f++) {
			double a = vowels[s % 5][f], b = vowels[(s + 1) % 5][f];
			double freq = hiss ? 2200 + 500 * f : a + (b - a) * in;
			double r = exp(-M_PI * (60 + 40 * f) / RATE);
			double y = x * (1 - r) * 12 + 2 * r * cos(2 * M_PI * freq / RATE) * y1[f] - r * r * y2[f];
			y2[f] = y1[f];
			y1[f] = y;
			sum += y / (1 + f);
		}
		pcm[i] = word(11000 * voice * sum + 4 * uniform());
	}
}

/* noise: white, from a whisper to the loudest, then through a low pass. */
static void noise(int16_t *pcm, int n) {
	double low = 0;
	for (int i = 0; i < n; i++) {
		double x = uniform() * pow(2, 15.0 * (i % (n / 2)) / (n / 2));
		low += 0.2 * (x - low);
		pcm[i] = word(i < n / 2 ? x : 3 * low);
	}
}

/* extremes: what makes words saturate: full scale of both signs, square waves,
 * single pulses, an offset, the smallest values, silence. */
static void extremes(int16_t *pcm, int n) {
	for (int i = 0; i < n; i++) {
		int f = i / FRAME, k = i % FRAME;
		switch (f % 12) {
		case 0: pcm[i] = -32768; break;
		case 1: pcm[i] = 32767; break;
		case 2: pcm[i] = k / 20 % 2 ? 32767 : -32768; break;
		case 3: pcm[i] = k % 2 ? 32767 : -32768; break;
		case 4: pcm[i] = k % 57 == 0 ? 32767 : 0; break;
		case 5: pcm[i] = 0; break;
		case 6: pcm[i] = k % 3 - 1; break;
		case 7: pcm[i] = (int16_t)(8 * (k % 3 - 1)); break;
		case 8: pcm[i] = word(40000 * sin(2 * M_PI * 300 * k / RATE)); break;
		case 9: pcm[i] = uniform() > 0 ? 32767 : -32768; break;
		case 10: pcm[i] = word(20000 + 3000 * uniform()); break;
		case 11: pcm[i] = word(50000 * uniform()); break;
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

static void decode(const char *name, gsm_byte *coded, int frames) {
	int16_t *pcm = malloc(2 * FRAME * frames);
	gsm d = gsm_create();
	for (int i = 0; i < frames; i++) {
		if (gsm_decode(d, coded + OCTETS * i, pcm + FRAME * i)) {
			fprintf(stderr, "%s: frame %d cannot be decoded\n", name, i);
			exit(1);
		}
	}
	gsm_destroy(d);
	put(name, ".out.raw", pcm, 2 * FRAME * frames);
	free(pcm);
}

static void make(const char *name, void (*fill)(int16_t *, int), int frames) {
	int16_t *pcm = malloc(2 * FRAME * frames);
	gsm_byte *coded = malloc(OCTETS * frames);
	seed = 1;
	fill(pcm, FRAME * frames);
	put(name, ".in.raw", pcm, 2 * FRAME * frames);
	gsm e = gsm_create();
	for (int i = 0; i < frames; i++)
		gsm_encode(e, pcm + FRAME * i, coded + OCTETS * i);
	gsm_destroy(e);
	put(name, ".gsm", coded, OCTETS * frames);
	decode(name, coded, frames);
	free(pcm);
	free(coded);
}

/* make_random makes frames that no encoder would, for the decoder alone. */
static void make_random(const char *name, int frames) {
	gsm_byte *coded = malloc(OCTETS * frames);
	seed = 2;
	for (int i = 0; i < OCTETS * frames; i++) {
		coded[i] = (gsm_byte)(128 + 127 * uniform());
		if (i % OCTETS == 0)
			coded[i] = 0xd0 | (coded[i] & 0x0f);
	}
	put(name, ".gsm", coded, OCTETS * frames);
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
	enum { frames = 150, rounds = 40 };
	static int16_t pcm[FRAME * frames], out[FRAME];
	static gsm_byte coded[OCTETS * frames];
	seed = 1;
	speech(pcm, FRAME * frames);
	double encode = 1e18, decode = 1e18;
	gsm e = gsm_create(), d = gsm_create();
	for (int r = 0; r < rounds; r++) {
		double t0 = now();
		for (int i = 0; i < frames; i++)
			gsm_encode(e, pcm + FRAME * i, coded + OCTETS * i);
		double t1 = now();
		for (int i = 0; i < frames; i++)
			gsm_decode(d, coded + OCTETS * i, out);
		double t2 = now();
		encode = fmin(encode, (t1 - t0) / frames);
		decode = fmin(decode, (t2 - t1) / frames);
	}
	gsm_destroy(e);
	gsm_destroy(d);
	printf("libgsm: encode %.0f ns, decode %.0f ns a frame\n", encode, decode);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "bench")) {
		bench();
		return 0;
	}
	make("speech", speech, 150);
	make("noise", noise, 50);
	make("extremes", extremes, 48);
	make_random("random", 32);
	return 0;
}
