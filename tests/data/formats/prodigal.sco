# Sequence Data: seqnum=1;seqlen=6000;seqhdr="NC_000913.3 Escherichia coli; K-12"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="20|Escherichia_coli_UMN026|B|50.7|11|1";gc_cont=50.70;transl_table=11;uses_sd=1
>1_3_188_-
>2_233_508_-
>3_815_1078_-
>4_1407_2348_+
>5_2391_5207_+
>6_5207_5701_+
>7_5826_5999_+
# Sequence Data: seqnum=2;seqlen=3000;seqhdr="NODE_2|x length=3000"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="20|Escherichia_coli_UMN026|B|50.7|11|1";gc_cont=50.70;transl_table=11;uses_sd=1
>1_2_346_-
>2_358_3000_-
# Sequence Data: seqnum=3;seqlen=10;seqhdr="short"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="1|Mycoplasma_pneumoniae_M129|B|40.0|4|0";gc_cont=40.00;transl_table=4;uses_sd=0
