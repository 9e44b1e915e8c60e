"""Replay fine-tuning: teach a model a task, replay an anchor, measure what it forgets.

The only folder that imports torch and transformers. Start reading at `finetune.py`.
"""
