"""The published tables, by the publications' own names: what the files must give back."""

_SLIMPAJAMA = {
    "CommonCrawl": 52.2, "C4": 26.7, "GitHub": 5.2, "ArXiv": 4.6, "Books": 4.2, "Wikipedia": 3.8,
    "StackExchange": 3.3,
}  # fmt: skip
TABLES: dict[str, dict[str, float]] = {
    "llama-1": {
        "CommonCrawl": 67.0, "C4": 15.0, "GitHub": 4.5, "Wikipedia": 4.5, "Books": 4.5,
        "ArXiv": 2.5, "StackExchange": 2.0,
    },
    "gpt-3": {"Common Crawl": 60, "WebText2": 22, "Books1": 8, "Books2": 8, "Wikipedia": 3},
    "pile": {
        "Pile-CC": 18.11, "PubMed Central": 14.40, "Books3": 12.07, "OpenWebText2": 10.01,
        "ArXiv": 8.96, "GitHub": 7.59, "FreeLaw": 6.12, "StackExchange": 5.13, "USPTO": 3.65,
        "PubMed Abstracts": 3.07, "PG-19": 2.17, "OpenSubtitles": 1.55, "Wikipedia (en)": 1.53,
        "DM Mathematics": 1.24, "Ubuntu IRC": 0.88, "BookCorpus2": 0.75, "EuroParl": 0.73,
        "HackerNews": 0.62, "YouTubeSubtitles": 0.60, "PhilPapers": 0.38, "NIH ExPorter": 0.30,
        "Enron": 0.14,
    },
    "redpajama-1t": {
        "CommonCrawl": 878, "C4": 175, "GitHub": 59, "ArXiv": 28, "Books": 26, "Wikipedia": 24,
        "StackExchange": 20,
    },
    "slimpajama-627b": _SLIMPAJAMA,
    "olmo-1": {
        "CC": 74.6, "C4": 6.5, "code": 13.4, "StackExchange-like": 2.9, "ArXiv-like": 2.3,
        "Books": 0.2, "Wikipedia": 0.1,
    },
    "olmo-0424": {
        "Falcon RefinedWeb": 547.3, "StarCoder": 263.8, "CC middle": 242.1, "CC tail": 191.4,
        "CC head": 178.4, "C4": 138.4, "Reddit": 79.9, "peS2o": 57.2, "arXiv": 28.0,
        "StackExchange": 19.6, "Flan": 16.5, "CC-News": 14.3, "OpenWebMath": 12.7,
        "AlgebraicStack": 12.6, "Wikipedia": 3.69, "Gutenberg": 5.3, "MegaWika": 4.6,
    },
    "olmo-2": {
        "DCLM": 3700, "StarCoder": 83.0, "peS2o": 58.6, "arXiv": 20.8, "OpenWebMath": 12.2,
        "AlgebraicStack": 11.8, "Wikipedia": 3.66,
    },
    "olmo-3": {
        "Common Crawl": 76.1, "olmOCR PDFs": 13.6, "Stack-Edu": 6.89, "FineMath": 2.56,
        "arXiv": 0.86, "Wikipedia": 0.04,
    },
    "olmo-3-paper": {
        "Common Crawl": 76.9, "olmOCR PDFs": 12.6, "Stack-Edu": 7.06, "FineMath": 2.60,
        "arXiv": 0.82, "Wikipedia": 0.04,
    },
    "smollm-135m": {
        "FineWeb-Edu": 70, "Cosmopedia-v2": 15, "Python-Edu": 8, "OpenWebMath": 6,
        "StackOverflow": 1,
    },
    "smollm2-stage1": {"web (FineWeb-Edu and DCLM)": 90, "code": 10},
    "smollm2-stage2": {"web (FineWeb-Edu and DCLM)": 75, "code": 20, "math": 5},
    "smollm2-stage4": {
        "web (FineWeb-Edu and DCLM)": 58, "code": 24, "math": 14, "Cosmopedia": 4,
    },
    "smollm3-stage1": {
        "FineWeb-Edu": 33.3, "DCLM": 37.0, "multilingual": 12.0, "code": 12.5, "math": 2.7,
        "other": 2.5,
    },
    "smollm3-stage2": {
        "FineWeb-Edu": 30, "DCLM": 33, "multilingual": 11.7, "code": 14.3, "math": 9.1,
        "other": 1.9,
    },
    "smollm3-stage3": {
        "FineWeb-Edu": 19.9, "DCLM": 29.8, "multilingual": 13.1, "code": 23.2, "math": 13.1,
        "other": 0.8,
    },
    "tinyllama": {"SlimPajama": 69.36, "StarCoder": 30.64},
    "nemotron-4": {"English": 70, "multilingual": 15, "code": 15},
    "llama-3": {
        "general knowledge": 50, "maths and reasoning": 25, "code": 17, "multilingual": 8,
    },
    "codellama": {"code": 85, "natural language about code": 8, "natural language": 7},
    "topics-common-crawl": {
        "Science/Math/Tech": 5.00, "Software Dev": 2.07, "Health": 7.26, "Entertainment": 7.33,
        "Games": 3.67, "Literature": 3.68, "Software": 2.62, "Education/Jobs": 4.77,
        "Finance": 9.91, "Electronics": 2.42, "Crime/Law": 2.86, "History/Geography": 1.90,
        "Politics": 7.61, "Religion": 3.16, "Industrial": 1.70, "Food": 3.13, "Sports": 6.40,
        "Art": 2.20, "Transport": 2.62, "Home": 7.84, "Social": 3.98, "Travel": 3.66,
        "Adult": 0.99, "Fashion": 3.24,
    },
    "topics-dolma-3": {
        "Science/Math/Tech": 21.03, "Software Dev": 11.14, "Health": 9.94, "Entertainment": 9.60,
        "Games": 6.89, "Literature": 6.83, "Software": 4.73, "Education/Jobs": 4.29,
        "Finance": 4.07, "Electronics": 3.45, "Crime/Law": 2.92, "History/Geography": 2.71,
        "Politics": 2.17, "Religion": 1.98, "Industrial": 1.57, "Food": 1.41, "Sports": 1.31,
        "Art": 1.25, "Transport": 0.98, "Home": 0.92, "Social": 0.46, "Travel": 0.22,
        "Adult": 0.11, "Fashion": 0.01,
    },
}  # fmt: skip
